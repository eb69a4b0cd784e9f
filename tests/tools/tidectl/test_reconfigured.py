"""Another configuration for a thing: who it is and what waits on its flash stay."""

import json
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.test_firmware_image import QUEUED, with_outbox
from tests.tools.tidectl.thing_files import make_thing
from tidectl.errors import TidectlError
from tidectl.firmware_image import certificate_of, configuration, queued_batches
from tidectl.home import Home
from tidectl.reconfigured import reconfigure
from tidectl.thing import ON_BOARD, ThingFolder

CHIP = {"measurements": [{"name": "chip", "driver": "chip", "period_ms": 500}]}


@pytest.fixture
def folder(tmp_path: Path) -> ThingFolder:
    made = make_thing(Home(tmp_path / "home"), "board-1")
    made.image_path.write_bytes(with_outbox(made.image_path.read_bytes(), **QUEUED))
    return made


def identity(folder: ThingFolder) -> tuple[bytes, bytes | None, dict[int, bytes]]:
    image = folder.image_path.read_bytes()
    return folder.certificate_path.read_bytes(), certificate_of(image), queued_batches(image)


def test_the_configuration_is_another_and_all_else_is_as_it_was(folder: ThingFolder) -> None:
    before = identity(folder)
    reconfigure(folder, CHIP)
    assert identity(folder) == before
    assert before[2] == {7: b"seven", 8: b"eight"}
    config = configuration(folder.image_path.read_bytes())
    assert config == folder.config()
    assert (config["thing"], config["site"], config["broker"]["port"]) == ("board-1", "home", 9)
    assert (config["measurements"], config["clock"]) == (CHIP["measurements"], {"sntp_host": None})


def test_a_key_that_is_on_the_board_stays_there(folder: ThingFolder) -> None:
    before = identity(folder)
    facts = folder.facts() | {"identity": ON_BOARD, "claim": "boards", "serial": "A-1"}
    folder.write("thing.json", json.dumps(facts).encode())
    folder.key_path.unlink()
    reconfigure(folder, CHIP)
    assert identity(folder) == before
    assert configuration(folder.image_path.read_bytes())["serial"] == "A-1"


@pytest.mark.parametrize("settings", [{"measurements": []}, CHIP | {"thing": "board-2"}])
def test_what_is_wrong_changes_nothing(folder: ThingFolder, settings: dict[str, object]) -> None:
    before = folder.config(), folder.image_path.read_bytes()
    with pytest.raises(TidectlError):
        reconfigure(folder, settings)
    assert (folder.config(), folder.image_path.read_bytes()) == before


def test_the_verb_says_what_comes_next(tidectl: Run, folder: ThingFolder, tmp_path: Path) -> None:
    path = tmp_path / "chip.json"
    path.write_text(json.dumps(CHIP))
    done = tidectl("config", "replace", "board-1", str(path))
    assert (done.code, done.out) == (0, ""), done.err
    assert "next: tidectl sync PORT board-1" in done.err
    shown = tidectl("config", "replace", "board-1", str(path), "--json").json()
    assert shown["config"]["measurements"] == CHIP["measurements"]
    assert folder.config()["measurements"] == CHIP["measurements"]
    assert tidectl("config", "replace", "nobody", str(path)).complaint() == (
        "there is no thing nobody here"
    )
