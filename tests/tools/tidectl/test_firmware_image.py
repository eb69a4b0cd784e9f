"""The flash image: what is in it, what it refuses, what it keeps when it is updated."""

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from littlefs import LittleFS

from tests.firmware.lib.tidenode.identities import Identity, authority, server, thing
from tidectl.bundle import firmware_bundle
from tidectl.firmware_image import (
    BLOCK_BYTES,
    FIRMWARE,
    SIZE_BYTES,
    FirmwareImageError,
    build_image,
    compile_folder,
    compiled,
    configuration,
    queued_batches,
    save_image,
    update_image,
)
from tidectl.outbox_files import renewed

MPY = b"M\x06"  # bytecode of MicroPython 1.23 and newer
CONFIG: dict[str, Any] = {
    "thing": "board-1",
    "site": "home",
    "broker": {"host": "127.0.0.1"},
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 1000}],
}

Parts = tuple[bytes, bytes, bytes]


@pytest.fixture(scope="module")
def issuer() -> Identity:
    return authority()


@pytest.fixture(scope="module")
def parts(issuer: Identity) -> Parts:
    """A board's certificate, its key, and the root."""
    board = thing(issuer)
    return board.certificate_der(), board.key_der(), issuer.certificate_der()


@pytest.fixture(scope="module")
def image(parts: Parts) -> bytes:
    return build_image(CONFIG, *parts)


def mounted(image: bytes) -> LittleFS:
    file_system = LittleFS(
        block_size=BLOCK_BYTES, block_count=len(image) // BLOCK_BYTES, mount=False
    )
    file_system.context.buffer = bytearray(image)
    file_system.mount()
    return file_system


def read(file_system: LittleFS, path: str) -> bytes:
    with file_system.open(path, "rb") as file:
        data: bytes = file.read()
    return data


def with_outbox(image: bytes, **files: bytes) -> bytes:
    """Return `image` as a board leaves it that ran and did not send everything."""
    file_system = mounted(image)
    file_system.makedirs("/outbox", exist_ok=True)
    for name, data in files.items():
        with file_system.open(f"/outbox/{name}", "wb") as file:
            file.write(data)
    file_system.unmount()
    return bytes(file_system.context.buffer)


OLD = {"7.2.5.climate": b"seven", "8.1.5.health": b"eight", "3.6.dropped": b""}
QUEUED = dict([renewed(name, data) or (name, data) for name, data in OLD.items()])


def test_an_images_configuration_is_read_back_or_there_is_none(image: bytes) -> None:
    assert configuration(image) == CONFIG
    file_system = mounted(image)
    for broken in (b"{", b"[]"):
        with file_system.open("/config.json", "wb") as file:
            file.write(broken)
        assert configuration(bytes(file_system.context.buffer)) == {}


def test_an_image_holds_what_the_contract_says(image: bytes, parts: Parts) -> None:
    file_system = mounted(image)
    assert sorted(file_system.listdir("/")) == sorted(
        [
            "app_a",
            "cert.der",
            "config.json",
            "key.der",
            "main.py",
            "romfs.mpy",
            "root.der",
            "slots.mpy",
            "update",
        ]
    )
    assert json.loads(read(file_system, "/config.json")) == CONFIG
    for name, data in zip(("cert.der", "key.der", "root.der"), parts, strict=True):
        assert read(file_system, f"/{name}") == data
    assert file_system.listdir("/update") == ["a.0.good"]
    assert len(image) == SIZE_BYTES


def test_public_keys_of_updates_lie_where_the_board_looks_for_them(parts: Parts) -> None:
    file_system = mounted(build_image(CONFIG, *parts, update_keys={"update.p256": b"\4key"}))
    assert read(file_system, "/update_keys/update.p256") == b"\4key"


def test_every_module_of_the_firmware_is_in_it_as_bytecode(image: bytes) -> None:
    file_system = mounted(image)
    bundle = firmware_bundle(FIRMWARE)
    for name in bundle.texts:
        assert read(file_system, f"/app_a/{bundle.path(name)}.mpy").startswith(MPY), name


def test_a_fresh_image_has_nothing_queued(image: bytes) -> None:
    assert queued_batches(image) == {}


def test_queued_batches_are_those_of_the_outbox_by_sequence(image: bytes) -> None:
    assert queued_batches(with_outbox(image, **QUEUED)) == {7: b"seven", 8: b"eight"}


def test_an_update_takes_over_what_a_board_of_the_first_layout_left(
    parts: Parts, image: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "flash.img"
    save_image(path, with_outbox(image, **OLD))
    assert queued_batches(path.read_bytes()) == {7: b"seven", 8: b"eight"}
    update_image(path, CONFIG, *parts)
    assert sorted(mounted(path.read_bytes()).listdir("/outbox")) == sorted(QUEUED)
    assert queued_batches(path.read_bytes()) == {7: b"seven", 8: b"eight"}


def test_an_update_replaces_the_configuration_and_keeps_the_outbox(
    image: bytes, parts: Parts, tmp_path: Path
) -> None:
    path = tmp_path / "flash.img"
    save_image(path, with_outbox(image, **QUEUED))
    update_image(path, CONFIG | {"site": "farm"}, *parts)
    file_system = mounted(path.read_bytes())
    assert json.loads(read(file_system, "/config.json"))["site"] == "farm"
    assert sorted(file_system.listdir("/outbox")) == sorted(QUEUED)


def test_an_update_removes_modules_that_the_firmware_has_no_more(
    image: bytes, parts: Parts, tmp_path: Path
) -> None:
    file_system = mounted(image)
    with file_system.open("/app_a/tidenode/old.mpy", "wb") as file:
        file.write(b"old")
    file_system.unmount()
    path = tmp_path / "flash.img"
    save_image(path, bytes(file_system.context.buffer))
    update_image(path, CONFIG, *parts)
    assert "old.mpy" not in mounted(path.read_bytes()).listdir("/app_a/tidenode")


def test_an_update_refuses_the_image_of_another_thing_and_leaves_it_alone(
    image: bytes, parts: Parts, tmp_path: Path
) -> None:
    path = tmp_path / "flash.img"
    save_image(path, image)
    with pytest.raises(FirmwareImageError, match="belongs to thing board-1, not board-2"):
        update_image(path, CONFIG | {"thing": "board-2"}, *parts)
    assert path.read_bytes() == image


@pytest.mark.parametrize("data", [b"", b"\0" * BLOCK_BYTES, b"\xff" * SIZE_BYTES, b"no flash"])
def test_an_update_refuses_what_is_no_image_and_leaves_it_alone(
    data: bytes, parts: Parts, tmp_path: Path
) -> None:
    path = tmp_path / "flash.img"
    path.write_bytes(data)
    with pytest.raises(FirmwareImageError, match="LittleFS"):
        update_image(path, CONFIG, *parts)
    assert path.read_bytes() == data


def test_every_mistake_of_a_configuration_is_told_at_once(parts: Parts) -> None:
    config = CONFIG | {"sitee": "x", "batch": {"samples_max": 0}, "broker": {}}
    with pytest.raises(FirmwareImageError) as caught:
        build_image(config, *parts)
    for mistake in ("sitee: unknown key", "batch.samples_max", "broker.host: is missing"):
        assert mistake in str(caught.value)


def test_an_identity_that_is_not_der_is_refused(parts: Parts) -> None:
    with pytest.raises(FirmwareImageError, match="not DER"):
        build_image(CONFIG, b"-----BEGIN CERTIFICATE-----", *parts[1:])
    with pytest.raises(FirmwareImageError, match="not DER"):
        build_image(CONFIG, parts[0], b"", parts[2])


def test_a_key_of_another_certificate_is_refused(issuer: Identity, parts: Parts) -> None:
    with pytest.raises(FirmwareImageError, match="not the certificate's"):
        build_image(CONFIG, parts[0], thing(issuer).key_der(), parts[2])


def test_an_expired_certificate_is_refused_with_its_dates(issuer: Identity) -> None:
    expired = server(issuer, valid_days=-1)
    until = expired.certificate.not_valid_after_utc
    assert timedelta() < until - expired.certificate.not_valid_before_utc
    with pytest.raises(FirmwareImageError, match=f"to {until:%Y-%m-%d}, not now"):
        build_image(CONFIG, expired.certificate_der(), expired.key_der(), issuer.certificate_der())


@pytest.mark.parametrize("size_bytes", [0, BLOCK_BYTES, SIZE_BYTES + 1])
def test_an_image_of_an_impossible_size_is_refused(size_bytes: int, parts: Parts) -> None:
    with pytest.raises(FirmwareImageError, match=f"{size_bytes} bytes are not 16 or more blocks"):
        build_image(CONFIG, *parts, size_bytes=size_bytes)


def test_an_image_that_is_too_small_for_the_firmware_is_refused(parts: Parts) -> None:
    with pytest.raises(FirmwareImageError, match="don't fit into the image"):
        build_image(CONFIG, *parts, size_bytes=16 * BLOCK_BYTES)


def test_an_image_is_saved_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "flash.img"
    path.write_bytes(b"before")
    path.chmod(0o644)
    save_image(path, b"after")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"after", 0o600)


def test_an_image_that_can_not_be_saved_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        save_image(path, b"x")
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "module.py"
        path.write_text(text)
        return path

    return write


def test_a_module_is_compiled_once_for_each_content(
    module: Callable[[str], Path], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    first = compiled(module("A = 1\n"), "module.py", cache)
    assert first.startswith(MPY)
    (kept,) = cache.iterdir()
    made_at_ns = kept.stat().st_mtime_ns
    assert compiled(module("A = 1\n"), "module.py", cache) == first
    assert kept.stat().st_mtime_ns == made_at_ns
    assert compiled(module("A = 2\n"), "module.py", cache) != first
    assert len(list(cache.iterdir())) == 2


def test_a_module_with_a_mistake_is_told_with_the_compilers_words(
    module: Callable[[str], Path], tmp_path: Path
) -> None:
    # Python takes it, MicroPython's compiler does not.
    source = module("def f(a, /):\n    return a\n")
    with pytest.raises(FirmwareImageError, match=r'mpy-cross: File "module.py", line 1: Syn'):
        compiled(source, "module.py", tmp_path / "cache")


def test_a_compiled_folder_holds_every_module_and_stays_where_it_is(
    module: Callable[[str], Path], tmp_path: Path
) -> None:
    source = module("A = 1\n")
    (tmp_path / "notes.txt").write_text("no module")
    folder = compile_folder(source.parent, tmp_path / "cache")
    assert [path.name for path in folder.iterdir()] == ["module.mpy"]
    assert compile_folder(source.parent, tmp_path / "cache") == folder
    module("A = 2\n")
    assert compile_folder(source.parent, tmp_path / "cache") != folder
