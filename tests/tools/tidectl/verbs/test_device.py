"""`tidectl device`: what is there."""

import re
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.mock_board import MockBoard
from tests.tools.tidectl.test_firmware_image import QUEUED, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl import firmware_image
from tidectl.home import Home


def test_the_list_has_things_with_what_waits_in_their_flash(tidectl: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = make_thing(home, "board-1")
    firmware_image.save_image(
        folder.image_path, with_outbox(folder.image_path.read_bytes(), **QUEUED)
    )
    make_thing(home, "board-2").image_path.unlink()
    done = tidectl("device", "list", "--json").json()
    assert isinstance(done["ports"], list)
    first, second = done["things"]
    assert (first["thing"], first["board"], first["queued_batches"]) == ("board-1", "off", 2)
    assert (second["board"], second["queued_batches"]) == ("none", None)
    shown = tidectl("device", "list")
    assert shown.code == 0
    assert "board-1" in shown.out


def test_an_empty_list_says_how_to_begin(tidectl: Run) -> None:
    done = tidectl("device", "list")
    assert done.code == 0
    assert "tidectl provision makes one" in done.err


def test_a_things_facts_are_its_counters_its_certificate_and_never_its_key(
    tidectl: Run, tmp_path: Path
) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    outbox = {"4.boots": b"", **QUEUED}
    firmware_image.save_image(
        folder.image_path, with_outbox(folder.image_path.read_bytes(), **outbox)
    )
    done = tidectl("device", "info", "board-1", "--json")
    facts = done.json()
    assert (facts["boot"], facts["next_sequence"], facts["queued_batches"]) == (4, 9, 2)
    assert facts["dropped_samples"] == 3
    assert facts["valid_from"] < facts["valid_until"]
    assert facts["measurements"] == "climate (bme280)"
    shown = tidectl("device", "info", "board-1")
    assert re.search(r"^next sequence +9$", shown.out, re.MULTILINE)
    assert folder.key_path.read_bytes().hex() not in done.out + shown.out


def test_the_facts_of_a_port_are_its_chips(tidectl: Run, tmp_path: Path) -> None:
    with MockBoard(tmp_path, "esp32s3") as board:
        facts = tidectl("device", "info", board.port, "--json").json()
    assert (facts["chip"], facts["board"], facts["flash_bytes"]) == (
        "ESP32-S3",
        "esp32-s3",
        4 << 20,
    )
    assert facts["micropython"].endswith("ESP32_GENERIC_S3/")


@pytest.mark.parametrize(
    ("name", "told"),
    [("nobody", "there is no thing nobody here"), ("/dev/nope", "Could not open /dev/nope")],
)
def test_facts_of_what_is_not_there_are_one_line(name: str, told: str, tidectl: Run) -> None:
    assert told in tidectl("device", "info", name).complaint()
