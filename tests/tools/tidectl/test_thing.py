"""Provisioning a thing: its files, its registration, and neither when something fails."""

import json
import stat
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key
from littlefs import LittleFS

from tests.local_cloud import Certificate
from tests.mqtt_device import HungUpError, MqttDevice
from tests.tools.tidectl.breaking import breaking
from tests.tools.tidectl.test_registry import STEPS, contents
from tidectl.errors import TidectlError
from tidectl.firmware_image import BLOCK_BYTES, queued_batches, save_image
from tidectl.home import Home
from tidectl.registry import Registry
from tidectl.simulated_board import SimulatedBoard
from tidectl.target import Target
from tidectl.thing import DEFAULT_SETTINGS, ThingFolder, provision


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A thing's name that no other test has."""
    return f"thing:{zlib.crc32(request.node.nodeid.encode()):08x}"


def everything(target: Target, home: Home) -> dict[str, Any]:
    """Return what is registered and what is on this machine."""
    files = {str(path): path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
    return {**contents(target), "files": files}


def config_in(image: bytes) -> dict[str, Any]:
    """Return the configuration that the board will read."""
    file_system = LittleFS(
        block_size=BLOCK_BYTES, block_count=len(image) // BLOCK_BYTES, mount=False
    )
    file_system.context.buffer = bytearray(image)
    file_system.mount()
    with file_system.open("/config.json", "rb") as file:
        document: dict[str, Any] = json.loads(file.read())
    return document


def put_batch(path: Path, name: str, payload: bytes) -> None:
    """Leave a batch in the outbox, as a board that could not send it."""
    image = path.read_bytes()
    file_system = LittleFS(
        block_size=BLOCK_BYTES, block_count=len(image) // BLOCK_BYTES, mount=False
    )
    file_system.context.buffer = bytearray(image)
    file_system.mount()
    file_system.makedirs("/outbox", exist_ok=True)
    with file_system.open(f"/outbox/{name}", "wb") as file:
        file.write(payload)
    file_system.unmount()
    save_image(path, bytes(file_system.context.buffer))


def connect(target: Target, folder: ThingFolder) -> MqttDevice:
    assert target.local
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    return MqttDevice(asdict(target.local), certificate, folder.thing)


def test_the_files_are_their_owners_alone(deployed: Target, home: Home, name: str) -> None:
    folder = provision(deployed, home, name, site="farm")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    made = ("cert.der", "key.der", "root.der", "config.json", "thing.json")
    assert modes == dict.fromkeys((*made, "flash.img", "outbox.img"), 0o600)


def test_the_key_was_made_here_for_the_certificate_that_is_registered(
    deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name)
    facts = folder.facts()
    assert Registry(deployed).certificates(name) == [facts["certificate_arn"]]
    key = load_der_private_key(folder.key_path.read_bytes(), password=None)
    certificate = x509.load_der_x509_certificate(folder.certificate_path.read_bytes())
    assert certificate.public_key() == key.public_key()
    assert "key" not in " ".join(facts)
    assert (facts["target"], facts["site"]) == ("local", "home")


def test_the_board_gets_the_defaults_its_broker_and_this_machines_clock(
    deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name, site="farm")
    config = config_in(folder.image_path.read_bytes())
    broker = deployed.broker()
    assert config == {
        "thing": name,
        "site": "farm",
        "broker": {"host": broker.host, "port": broker.port},
        **DEFAULT_SETTINGS,
        "clock": {"sntp_host": None},
    }
    assert json.loads(folder.config_path.read_bytes()) == config


def test_a_thing_without_a_board_may_connect_with_its_pem_files(
    deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name, board=False)
    assert not folder.image_path.exists()
    for path in folder.pem_paths():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    connect(deployed, folder).close()


def test_a_thing_that_exists_is_left_alone(deployed: Target, home: Home, name: str) -> None:
    provision(deployed, home, name)
    before = everything(deployed, home)
    with pytest.raises(TidectlError, match="exists already") as caught:
        provision(deployed, home, name)
    assert caught.value.hint.endswith(f"tidectl provision {name} --rotate")
    assert everything(deployed, home) == before


def test_a_thing_that_another_machine_made_is_left_alone_too(
    deployed: Target, home: Home, name: str, tmp_path: Path
) -> None:
    provision(deployed, Home(tmp_path / "another"), name)
    with pytest.raises(TidectlError, match="exists already in the local cloud"):
        provision(deployed, home, name)
    assert not home.path.exists()


def test_a_thing_of_another_cloud_is_not_moved_by_a_rotation(
    deployed: Target, home: Home, name: str
) -> None:
    provision(deployed, home, name)
    before = everything(deployed, home)
    elsewhere = Target("aws", deployed.session, deployed.local)
    with pytest.raises(TidectlError, match=f"{name} belongs to the target local"):
        provision(elsewhere, home, name, rotate=True)
    assert everything(deployed, home) == before


def test_a_rotation_locks_the_old_certificate_out(
    deployed: Target, home: Home, name: str, tmp_path: Path
) -> None:
    folder = provision(deployed, home, name, board=False)
    old = folder.facts()
    stolen = ThingFolder(tmp_path / name)
    stolen.path.mkdir()
    for path in folder.path.iterdir():
        (stolen.path / path.name).write_bytes(path.read_bytes())
    connect(deployed, stolen).close()
    provision(deployed, home, name, board=False, rotate=True)
    assert folder.facts()["certificate_id"] != old["certificate_id"]
    assert Registry(deployed).certificates(name) == [folder.facts()["certificate_arn"]]
    with pytest.raises((HungUpError, OSError)):
        connect(deployed, stolen).close()
    connect(deployed, folder).close()


def test_a_rotation_keeps_site_settings_and_what_waits_on_the_flash(
    deployed: Target, home: Home, name: str
) -> None:
    settings = {"measurements": [{"name": "health", "driver": "chip", "period_ms": 500}]}
    folder = provision(deployed, home, name, site="farm", settings=settings)
    before = config_in(folder.image_path.read_bytes())
    key = folder.key_path.read_bytes()
    put_batch(folder.image_path, "4.1.6.health", b"unsent")
    provision(deployed, home, name, rotate=True)
    image = folder.image_path.read_bytes()
    assert queued_batches(image) == {4: b"unsent"}
    assert config_in(image) == before
    assert folder.facts()["site"] == "farm"
    assert folder.key_path.read_bytes() != key


def test_a_rotation_may_move_a_thing_and_change_its_settings(
    deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name, site="farm")
    settings = {"measurements": [{"name": "health", "driver": "chip", "period_ms": 500}]}
    provision(deployed, home, name, site="barn", settings=settings, rotate=True)
    config = config_in(folder.image_path.read_bytes())
    assert config["site"] == folder.facts()["site"] == "barn"
    assert config["measurements"] == settings["measurements"]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_fails_leaves_neither_files_nor_registration(
    step: str, deployed: Target, home: Home, name: str
) -> None:
    before = everything(deployed, home)
    with pytest.raises(ClientError, match="refused by the test"):
        provision(breaking(deployed, "iot", step), home, name)
    assert everything(deployed, home) == before
    provision(deployed, home, name)  # nothing is in the way of trying again


def test_a_rotation_that_fails_leaves_the_old_certificate_good(
    deployed: Target, home: Home, name: str
) -> None:
    provision(deployed, home, name)
    before = everything(deployed, home)
    with pytest.raises(ClientError):
        provision(breaking(deployed, "iot", "attach_policy"), home, name, rotate=True)
    assert everything(deployed, home) == before


def test_files_that_can_not_be_written_leave_no_registration(
    deployed: Target, home: Home, name: str
) -> None:
    home.make(home.path)
    (home.path / "things").write_text("in the way")
    before = everything(deployed, home)
    with pytest.raises(TidectlError, match="can't make"):
        provision(deployed, home, name)
    assert everything(deployed, home) == before


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        ({"measurements": []}, "measurements: must be a list"),
        ({**DEFAULT_SETTINGS, "batsch": {}}, "batsch: unknown key"),
        ({**DEFAULT_SETTINGS, "batch": {"age_ms_max": "soon"}}, "batch.age_ms_max"),
        ({"measurements": [{"name": "x", "driver": "nope", "period_ms": 100}]}, "no driver 'nope'"),
    ],
)
def test_a_wrong_setting_is_told_by_its_key_and_leaves_nothing(
    settings: dict[str, Any], mistake: str, deployed: Target, home: Home, name: str
) -> None:
    before = everything(deployed, home)
    with pytest.raises(TidectlError, match=mistake) as caught:
        provision(deployed, home, name, settings=settings)
    assert "firmware/README.md" in caught.value.hint
    assert everything(deployed, home) == before


@pytest.mark.parametrize("key", ["thing", "site", "broker"])
def test_what_provisioning_decides_can_not_be_set(
    key: str, deployed: Target, home: Home, name: str
) -> None:
    with pytest.raises(TidectlError, match=f"{key} can't be set"):
        provision(deployed, home, name, settings={**DEFAULT_SETTINGS, key: "x"})


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 65, "wärme", "../x", "a/b", "a+", "."])
def test_a_wrong_name_is_refused_before_anything_is_made(
    wrong: str, deployed: Target, home: Home
) -> None:
    before = everything(deployed, home)
    for thing, site in ((wrong, "home"), ("good", wrong)):
        with pytest.raises(TidectlError) as caught:
            provision(deployed, home, thing, site=site)
        assert caught.value.hint == "names are 1 to 64 of A-Z a-z 0-9 _ : -"
    assert everything(deployed, home) == before


@pytest.fixture
def board(deployed: Target, home: Home, name: str) -> Iterator[SimulatedBoard]:
    folder = provision(deployed, home, name)
    with SimulatedBoard(folder.image_path, log_path=folder.log_path) as board:
        yield board


@pytest.mark.usefixtures("board")
def test_a_thing_whose_board_runs_is_left_alone(deployed: Target, home: Home, name: str) -> None:
    before = contents(deployed)
    with pytest.raises(TidectlError, match=f"the board of {name} is running"):
        provision(deployed, home, name, rotate=True)
    assert contents(deployed) == before


def test_an_image_that_is_none_is_told_and_leaves_the_old_certificate_good(
    deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name)
    folder.image_path.write_bytes(b"\0" * 65536)
    before = everything(deployed, home)
    with pytest.raises(TidectlError, match="no LittleFS in the image"):
        provision(deployed, home, name, rotate=True)
    assert everything(deployed, home) == before


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_damaged_configuration_is_told_by_its_path(
    text: str, deployed: Target, home: Home, name: str
) -> None:
    folder = provision(deployed, home, name)
    folder.config_path.write_text(text)
    before = everything(deployed, home)
    with pytest.raises(TidectlError, match=r"config\.json"):
        provision(deployed, home, name, rotate=True)
    assert everything(deployed, home) == before


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_the_facts_of_a_thing_that_is_not_here_say_how_to_make_it(
    text: str | None, tmp_path: Path
) -> None:
    folder = ThingFolder(tmp_path / "pump-7")
    if text is not None:
        folder.path.mkdir()
        (folder.path / "thing.json").write_text(text)
    with pytest.raises(TidectlError, match="there is no thing pump-7 here") as caught:
        folder.facts()
    assert caught.value.hint == "make it: tidectl provision pump-7"
