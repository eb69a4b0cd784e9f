"""Boards that make their own keys, an operator's tidectl, and the real local cloud between them."""

import hashlib
import io
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.lib.tidenode.image_files import read_files
from tests.firmware.powered import Powered
from tests.line.line import SETTINGS, Line, wait_until
from tests.tools.tidectl.micropython_bin import micropython_bin
from tests.tools.tidectl.mock_board import MockBoard
from tidectl.allow_list import AllowList
from tidectl.boards import board_named
from tidectl.cli import main
from tidectl.identity import certificate_der
from tidectl.jobs import Jobs
from tidectl.registry import Registry
from tidectl.simulated_board import SimulatedBoard
from tidectl.thing import ThingFolder

LATE_S_MAX = 60.0
ONE_SENSOR = {"measurements": SETTINGS["measurements"][:1]}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One line for all tests here; each has a thing of its own."""
    with Line(tmp_path_factory.mktemp("identity")) as line:
        yield line


def tidectl(line: Line, *words: str, fails: bool = False) -> Any:
    """Run a command as an operator does; return its JSON, or what it said where it `fails`."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(["--home", str(line.home.path), *words])
    assert end.value.code == (1 if fails else 0), err.getvalue()
    return err.getvalue() if fails else json.loads(out.getvalue().splitlines()[-1])


@contextmanager
def claiming(
    line: Line, thing: str, *, refused: bool = False, **settings: Any
) -> Iterator[Powered]:
    """Prepare a board by `provision --claim`, and keep it under power."""
    config = line.home.path / f"{thing}.json"
    config.write_text(json.dumps(SETTINGS | ONE_SENSOR | settings))
    tidectl(
        line, "provision", thing, "--claim", "--site", "farm", "--config", str(config), "--json"
    )
    if refused:
        assert AllowList(line.target).refuse(thing)
    folder = ThingFolder(line.home.thing_folder(thing))
    with Powered(
        SimulatedBoard(folder.image_path, log_path=folder.log_path, heap_bytes=110 * 1024)
    ) as power:
        line.boards.append(power.board)
        yield power


def sending(line: Line, power: Powered, thing: str, count: int = 50) -> None:
    """Return when the board is the thing, and the cloud has acknowledged so much of it."""
    board, folder = power.board, ThingFolder(line.home.thing_folder(thing))

    def is_so() -> bool:
        stats = board.stats
        return stats is not None and stats.thing == thing and stats.acknowledged >= count

    try:
        wait_until(f"{count} samples of {thing}", is_so, within_s=LATE_S_MAX)
    except AssertionError as error:
        raise AssertionError(f"{error}; {folder.log_path.read_text()[-1_500:]}") from None


def drained(line: Line, power: Powered) -> None:
    """End the board in good order, and count what it had."""
    power.end()
    stats = power.board.stats
    assert power.code == 0, power.code
    assert stats
    assert (stats.final, stats.queued_batches, stats.dropped) == (True, 0, 0), stats
    line.accepted[stats.thing] = line.accepted.get(stats.thing, 0) + stats.accepted


def certificates(line: Line, thing: str) -> dict[str, str]:
    """Return the status of each of the thing's certificates by its id."""
    iot = line.target.client("iot")
    ids = [arn.rpartition("/")[2] for arn in Registry(line.target).certificates(thing)]
    found = {one: iot.describe_certificate(certificateId=one) for one in ids}
    return {one: facts["certificateDescription"]["status"] for one, facts in found.items()}


def test_a_board_makes_its_key_becomes_a_thing_and_nothing_of_it_is_lost(line: Line) -> None:
    with claiming(line, "claimed") as power:
        sending(line, power, "claimed")
        drained(line, power)
    line.assert_whole()
    ((certificate_id, status),) = certificates(line, "claimed").items()
    assert status == "ACTIVE"
    folder = ThingFolder(line.home.thing_folder("claimed"))
    files = read_files(folder.image_path)
    iot = line.target.client("iot")
    described = iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]
    assert files["cert.der"] == certificate_der(described["certificatePem"])
    info = tidectl(line, "device", "info", "claimed", "--json")
    assert info["certificate_id"] == certificate_id, "it is told from the flash"
    assert not {"claim.der", "claim_key.der", "claim.json", "new_key.der"} & files.keys()
    thing = iot.describe_thing(thingName="claimed")
    assert thing["attributes"] == {"serial_number": "claimed", "site": "farm"}
    others = b"".join(path.read_bytes() for path in folder.path.iterdir() if path.suffix != ".img")
    assert files["key.der"] not in others, "the key is on the board alone"


def test_a_board_that_was_flashed_claims_from_what_its_flash_reads_back(
    line: Line, tmp_path: Path
) -> None:
    kind = board_named("esp32")
    config, image = tmp_path / "config.json", tmp_path / "micropython.bin"
    config.write_text(json.dumps(SETTINGS | ONE_SENSOR))
    image.write_bytes(micropython_bin(kind))
    words = ("--claim", "--board", "esp32", "--config", str(config), "--json")
    tidectl(line, "provision", "flashed", *words)
    with MockBoard(tmp_path, "esp32") as chip:
        facts = tidectl(line, "flash", chip.port, "flashed", "--image", str(image), "--json")
        (tmp_path / "flash.img").write_bytes(chip.read(facts["files_offset"], facts["files_bytes"]))
    log = ThingFolder(line.home.thing_folder("flashed")).log_path
    board = SimulatedBoard(tmp_path / "flash.img", log_path=log, heap_bytes=110 * 1024)
    with Powered(board) as power:
        line.boards.append(board)
        sending(line, power, "flashed", 10)
        drained(line, power)
    line.assert_whole()


def test_a_serial_number_that_is_not_allowed_is_refused_until_it_is(line: Line) -> None:
    quick = {"link": SETTINGS["link"] | {"retry_delay_ms_max": 100}}
    with claiming(line, "refused", refused=True, **quick) as power:
        folder = ThingFolder(line.home.thing_folder("refused"))
        wait_until(
            "a refusal", lambda: "AccessDenied" in folder.log_path.read_text(), within_s=LATE_S_MAX
        )
        assert not Registry(line.target).has("refused")
        assert power.board.stats is None
        tidectl(line, "claim", "allow", "refused", "--site", "barn", "--json")
        sending(line, power, "refused", 1)
        drained(line, power)
    attributes = line.target.client("iot").describe_thing(thingName="refused")["attributes"]
    assert attributes["site"] == "barn"


@pytest.mark.parametrize("seed", [1, 2])
def test_power_cuts_in_the_middle_of_a_claim_leave_a_board_that_becomes_its_thing(
    line: Line, seed: int
) -> None:
    dice = random.Random(seed)
    thing = f"cut-{seed}"
    with claiming(line, thing) as power:
        for _ in range(5):
            power.pause(dice.uniform(0.05, 0.8))
            power.cut()
        sending(line, power, thing, 1)
        drained(line, power)
    assert "ACTIVE" in certificates(line, thing).values()
    files = read_files(ThingFolder(line.home.thing_folder(thing)).image_path)
    assert not [name for name in files if name.endswith(".draft") or "claim" in name]


def test_power_cuts_in_the_middle_of_a_rotation_leave_a_board_that_connects(line: Line) -> None:
    dice, jobs = random.Random(7), Jobs(line.target)
    with claiming(line, "torn", control={}) as power:
        sending(line, power, "torn", 1)
        job = jobs.create("torn-", {"operation": "rotate"}, ["torn"], [])
        for _ in range(4):
            power.pause(dice.uniform(0.1, 0.9))
            power.cut()
        wait_until("its end", lambda: jobs.executions(job)[0].ended, within_s=LATE_S_MAX)
        sending(line, power, "torn", 1)
        drained(line, power)
    folder = ThingFolder(line.home.thing_folder("torn"))
    files = read_files(folder.image_path)
    own = hashlib.sha256(files["cert.der"]).hexdigest()
    assert certificates(line, "torn")[own] == "ACTIVE"
    (execution,) = jobs.executions(job)
    rotated = execution.status == "SUCCEEDED"
    assert (own == execution.details.get("certificate")) is rotated, execution
    assert not [name for name in files if name.endswith(".draft") or name.startswith("rotate.")]


def test_an_operator_asks_sets_and_rotates_a_board_that_claimed(line: Line) -> None:
    with claiming(line, "asked", control={"trial_s": 20, "healthy_s": 1}) as power:
        sending(line, power, "asked", 1)
        answer = tidectl(line, "command", "asked", "read", "climate", "--json")["answer"]
        assert set(answer) == {"temperature_c", "pressure_pa", "humidity_percent"}
        unknown = tidectl(line, "command", "asked", "read", "lunch", fails=True)
        assert "no measurement 'lunch'" in unknown
        told = tidectl(line, "job", "create", "diagnostics", "--thing", "asked", "--wait", "--json")
        assert told["things"][0]["details"]["sensor_errors"] == "climate:0"
        tidectl(line, "config", "set", "asked", "batch.age_ms_max=400", "--json")
        wait_until(
            "the new settings",
            lambda: not tidectl(line, "config", "diff", "asked", "--json")["delta"],
            within_s=LATE_S_MAX,
        )
        assert tidectl(line, "config", "get", "asked", "--json")["batch"]["age_ms_max"] == 400
        (old,) = certificates(line, "asked")
        rotated = tidectl(line, "rotate", "asked", "--keep-old", "--json")
        new = rotated["certificate_arn"].rpartition("/")[2]
        assert certificates(line, "asked") == {old: "ACTIVE", new: "ACTIVE"}
        ended = tidectl(line, "rotate", "asked", "--job", rotated["job"], "--revoke-old", "--json")
        assert [arn.rpartition("/")[2] for arn in ended["revoked"]] == [old]
        assert certificates(line, "asked") == {new: "ACTIVE"}
        resets = power.resets
        rebooted = tidectl(line, "job", "create", "reboot", "--thing", "asked", "--wait", "--json")
        assert rebooted["things"][0]["status"] == "SUCCEEDED"
        assert power.resets == resets + 1
        sending(line, power, "asked", 1)
        drained(line, power)
    folder = ThingFolder(line.home.thing_folder("asked"))
    assert folder.facts()["certificate_id"] == new
    assert read_files(folder.image_path)["cert.der"] == folder.certificate_path.read_bytes()
    assert not folder.key_path.exists()
