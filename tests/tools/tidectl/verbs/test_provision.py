"""`tidectl provision`: a thing, or one clear line why not."""

import json
import stat
from pathlib import Path

import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.registry import Registry
from tidectl.target import Target


def test_a_thing_is_made_shown_and_then_left_alone(tidectl: Run, shared_home: Home) -> None:
    done = tidectl("provision", "provision-1", "--site", "farm", home=shared_home.path)
    assert done.code == 0, done.err
    folder = shared_home.thing_folder("provision-1")
    assert f"its files are in {folder}" in done.err
    assert "next: tidectl device run provision-1" in done.err
    assert stat.S_IMODE((folder / "key.der").stat().st_mode) == 0o600
    again = tidectl("provision", "provision-1", home=shared_home.path)
    assert "exists already" in again.complaint()
    assert "--rotate" in again.err


def test_json_has_what_a_program_goes_on_with_and_no_key(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    made = tidectl("provision", "provision-2", "--json", home=shared_home.path).json()
    assert made["site"] == "home"
    assert made["folder"] == str(shared_home.thing_folder("provision-2"))
    assert Registry(deployed).certificates("provision-2") == [made["certificate_arn"]]
    rotated = tidectl("provision", "provision-2", "--rotate", "--json", home=shared_home.path)
    assert rotated.json()["certificate_arn"] != made["certificate_arn"]
    key = (shared_home.thing_folder("provision-2") / "key.der").read_bytes()
    assert key.hex() not in rotated.out
    assert "PRIVATE" not in rotated.out


def test_a_configuration_from_a_file_is_the_boards(
    tidectl: Run, shared_home: Home, tmp_path: Path
) -> None:
    settings = {"measurements": [{"name": "health", "driver": "chip", "period_ms": 500}]}
    (tmp_path / "pump.json").write_text(json.dumps(settings))
    done = tidectl(
        "provision", "provision-3", "--config", str(tmp_path / "pump.json"), home=shared_home.path
    )
    assert done.code == 0, done.err
    config = json.loads((shared_home.thing_folder("provision-3") / "config.json").read_bytes())
    assert config["measurements"] == settings["measurements"]


def test_a_kind_of_board_sets_pins_and_the_size_of_its_flash(
    tidectl: Run, shared_home: Home, tmp_path: Path
) -> None:
    done = tidectl("provision", "provision-6", "--board", "esp32-c3", home=shared_home.path)
    assert done.code == 0, done.err
    folder = shared_home.thing_folder("provision-6")
    climate = json.loads((folder / "config.json").read_bytes())["measurements"][0]
    assert (climate["scl_pin"], climate["sda_pin"]) == (5, 4)
    assert (folder / "flash.img").stat().st_size == 1472 << 10
    assert (folder / "outbox.img").read_bytes() == b"\xff" * (384 << 10)
    assert "next: tidectl flash PORT provision-6" in done.err
    settings = {"measurements": [{"name": "c", "driver": "bme280", "period_ms": 500, "sda_pin": 7}]}
    (tmp_path / "own.json").write_text(json.dumps(settings))
    arguments = ("--config", str(tmp_path / "own.json"), "--board", "esp32-s3")
    done = tidectl("provision", "provision-7", *arguments, home=shared_home.path)
    assert done.code == 0, done.err
    config = json.loads((shared_home.thing_folder("provision-7") / "config.json").read_bytes())
    assert config["measurements"] == [{**settings["measurements"][0], "scl_pin": 9}]


def test_a_kind_of_board_that_is_not_there_is_one_line(tidectl: Run, shared_home: Home) -> None:
    done = tidectl("provision", "provision-8", "--board", "esp8266", home=shared_home.path)
    assert done.complaint() == "there is no board esp8266"
    assert not shared_home.thing_folder("provision-8").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("\xff\x00", "is not JSON"),
        ("[]", "must hold a JSON object"),
        ('{"measurement": []}', "measurement: unknown key"),
        ('{"thing": "other"}', "thing can't be set in the configuration"),
    ],
)
def test_a_configuration_that_is_wrong_is_one_line(
    text: str, told: str, tidectl: Run, shared_home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "pump.json"
    path.write_bytes(text.encode("latin-1"))
    done = tidectl("provision", "provision-4", "--config", str(path), home=shared_home.path)
    assert told in done.complaint()
    assert not shared_home.thing_folder("provision-4").exists()


@pytest.mark.parametrize("name", ["a b", "x" * 65, "ä", "../up"])
def test_a_wrong_name_is_one_line_that_says_what_names_are(
    name: str, tidectl: Run, shared_home: Home
) -> None:
    done = tidectl("provision", name, home=shared_home.path)
    assert done.complaint()
    assert "names are 1 to 64 of" in done.err


def test_without_a_cloud_it_says_how_to_start_one(tidectl: Run) -> None:
    done = tidectl("provision", "provision-5")
    assert done.complaint() == "the local cloud is not running"
    assert "tidectl up" in done.err
