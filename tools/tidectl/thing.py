"""Provision a thing: its registration in the cloud, its files on this machine.

Flow: key -> signing request -> registry -> certificate -> <home>/things/<thing>/ -> board
A thing that is there already is left alone unless its certificate is to be replaced.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidectl import firmware_image
from tidectl.claim_image import claim_files
from tidectl.errors import TidectlError
from tidectl.firmware_image import FirmwareImageError, files_without_identity, image_files
from tidectl.home import Home
from tidectl.identity import certificate_der, make_identity
from tidectl.registry import Registration, Registry
from tidectl.simulated_board import image_in_use, save_partition
from tidectl.target import Target
from tidectl.update_key import public_keys
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

# What a board measures when it is told nothing else: its weather and its own health.
DEFAULT_SETTINGS: Mapping[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 1_000},
        {"name": "health", "driver": "chip", "period_ms": 10_000},
    ]
}
DEFAULT_SITE = "home"
OUTBOX_BYTES = 256 << 10  # of the partition that a simulated board of no kind has
SETTLED = ("thing", "site", "broker")  # what provisioning itself decides
ON_BOARD = "board"  # where the key is, in thing.json, when it was made there
CLAIM_FILES = ("claim.der", "claim_key.der")  # of a thing whose board has to ask for its identity


@dataclass(frozen=True, slots=True)
class ThingFolder:
    """The files of one thing, readable by their owner only."""

    path: Path

    @property
    def thing(self) -> str:
        """The thing's name."""
        return self.path.name

    @property
    def certificate_path(self) -> Path:
        """The certificate, DER."""
        return self.path / "cert.der"

    @property
    def key_path(self) -> Path:
        """The private key, SEC 1 DER."""
        return self.path / "key.der"

    @property
    def root_path(self) -> Path:
        """The certificate authority of the broker, DER."""
        return self.path / "root.der"

    @property
    def config_path(self) -> Path:
        """The board's configuration, JSON."""
        return self.path / "config.json"

    @property
    def image_path(self) -> Path:
        """The flash image; a thing without a board has none."""
        return self.path / "flash.img"

    @property
    def log_path(self) -> Path:
        """What the simulated board logs."""
        return self.path / "board.log"

    def pem_paths(self) -> tuple[Path, Path]:
        """Return where the certificate and the key are as PEM, which programs here read."""
        return self.path / "cert.pem", self.path / "key.pem"

    def facts(self) -> dict[str, Any]:
        """Return what provisioning noted: target, site, broker, certificate; never the key."""
        try:
            document = json.loads((self.path / "thing.json").read_bytes())
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise TidectlError(
                f"there is no thing {self.thing} here", f"make it: tidectl provision {self.thing}"
            )
        return document

    def config(self) -> dict[str, Any]:
        """Return the board's configuration; raises `TidectlError`."""
        try:
            document = json.loads(self.config_path.read_bytes())
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise TidectlError(
                f"{self.config_path} holds no configuration",
                f"make it anew: tidectl provision {self.thing} --rotate --config ...",
            )
        return document

    @property
    def identity_on_board(self) -> bool:
        """Whether the board made its key itself, so that nobody else has it."""
        return bool(self.facts().get("identity") == ON_BOARD)

    def image_parts(self) -> tuple[dict[str, Any], bytes, bytes, bytes]:
        """Return what a flash image is made of: configuration, certificate, key, root."""
        self._refuse_without_key()
        certificate, key, root = self._read(self.certificate_path, self.key_path, self.root_path)
        return self.config(), certificate, key, root

    def files(self) -> dict[str, bytes]:
        """Return the files of a fresh board by path; raises `TidectlError`.

        A thing that was provisioned by a claim has that claim among them.
        """
        facts = self.facts()
        if "claim" not in facts:
            return _files_or_error(
                lambda: image_files(*self.image_parts(), update_keys=self.update_keys())
            )
        parts = self._read(*(self.path / name for name in CLAIM_FILES), self.root_path)
        return _files_or_error(
            lambda: claim_files(self.config(), facts, *parts, update_keys=self.update_keys())
        )

    def files_beside_identity(self) -> dict[str, bytes]:
        """Return the files of its board that say nothing about who it is."""
        (root_der,) = self._read(self.root_path)
        return _files_or_error(
            lambda: files_without_identity(self.config(), root_der, update_keys=self.update_keys())
        )

    def write(self, name: str, data: bytes) -> None:
        """Replace a file of the folder, at once or not at all; raises `TidectlError`."""
        try:
            firmware_image.save_image(self.path / name, data)
        except OSError as error:
            raise TidectlError(
                f"can't write {self.path / name}: {error.strerror}", "free some space"
            ) from error

    def _refuse_without_key(self) -> None:
        if self.identity_on_board:
            raise TidectlError(
                f"the key of {self.thing} is on its board and nowhere else",
                "its files: tidectl sync PORT; for a new identity, which locks that board out: "
                f"tidectl provision {self.thing} --rotate",
            )

    def _read(self, *paths: Path) -> list[bytes]:
        try:
            return [path.read_bytes() for path in paths]
        except OSError as error:
            raise TidectlError(
                f"can't read {error.filename}: {error.strerror}",
                f"make it anew: tidectl provision {self.thing} --rotate",
            ) from error

    def update_keys(self) -> dict[str, bytes]:
        """Return the public keys that its updates may be signed with, by file name."""
        return public_keys(Home(self.path.parents[1]))


def provision(
    target: Target,
    home: Home,
    thing: str,
    *,
    site: str | None = None,
    settings: Mapping[str, Any] | None = None,
    board: bool = True,
    image_bytes: int = firmware_image.SIZE_BYTES,
    outbox_bytes: int = OUTBOX_BYTES,
    rotate: bool = False,
) -> ThingFolder:
    """Return the folder of `thing`, registered in `target`; raises `TidectlError`.

    `settings` are the board's configuration, all but its name, site and broker. Site and settings
    that are None stay what they were before. A new flash image has `image_bytes`, and beside it a
    partition of `outbox_bytes` unless that is 0; without `board` there is none, but PEM files
    beside the DER ones. With `rotate` a thing that exists gets a new
    certificate, its old ones are revoked, and what waits on its flash stays.
    """
    check_names(thing, DEFAULT_SITE if site is None else site)
    folder = ThingFolder(home.thing_folder(thing))
    registry = Registry(target)
    old = registry.certificates(thing)
    if rotate:
        _refuse_another_cloud(folder, target)
    else:
        _refuse_to_overwrite(folder, target, old)
    if image_in_use(folder.image_path):
        raise TidectlError(f"the board of {thing} is running", "end it first")
    before = _config_before(folder)
    if site is None:
        site = str(before.get("site", DEFAULT_SITE))
    if settings is None:
        settings = {key: value for key, value in before.items() if key not in SETTLED}
    config = settled_config(target, thing, site, settings)
    identity = make_identity(thing)
    root_der = target.broker().root_der

    def keep(registration: Registration) -> None:
        certificate = certificate_der(registration.certificate_pem)
        files = {
            "config.json": json.dumps(config, indent=2).encode() + b"\n",
            "cert.der": certificate,
            "key.der": identity.key_der,
            "root.der": root_der,
            "thing.json": _facts(target, config, registration),
        }
        if not board:
            files["cert.pem"] = registration.certificate_pem.encode()
            files["key.pem"] = identity.key_pem()
        with drafted(home, folder, files) as draft:
            if board:
                parts = (certificate, identity.key_der, root_der)
                _make_image(folder, draft, config, parts, (image_bytes, outbox_bytes))

    registry.register(thing, identity.request_pem, keep)
    for name in CLAIM_FILES:  # of a board that was to make its key itself
        (folder.path / name).unlink(missing_ok=True)
    for certificate_arn in old:
        registry.revoke(thing, certificate_arn)
    return folder


def _files_or_error(make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
    try:
        return make()
    except FirmwareImageError as error:
        raise TidectlError(str(error), "see firmware/README.md") from error


@contextmanager
def drafted(home: Home, folder: ThingFolder, files: Mapping[str, bytes]) -> Iterator[Path]:
    """Write `files` beside `folder`, let more be made there, then move all into it, or nothing."""
    draft = home.make(folder.path.with_name(f".{folder.thing}.new"))
    try:
        for name, data in files.items():
            _write(draft / name, data)
        yield draft
        home.make(folder.path)
        for made in sorted(draft.iterdir()):
            made.replace(folder.path / made.name)
    except FirmwareImageError as error:
        raise TidectlError(str(error), "see firmware/README.md for the keys") from error
    except OSError as error:
        raise TidectlError(f"can't write {draft}: {error.strerror}", "free some space") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def check_names(thing: str, site: str) -> None:
    """Raise `TidectlError` where they are no names."""
    try:
        check_thing(thing)
        check_site(site)
    except WireError as error:
        raise TidectlError(str(error), "names are 1 to 64 of A-Z a-z 0-9 _ : -") from error


def _refuse_to_overwrite(folder: ThingFolder, target: Target, old: list[str]) -> None:
    if old or (folder.path / "thing.json").exists():
        where = str(folder.path) if folder.path.exists() else str(target)
        raise TidectlError(
            f"{folder.thing} exists already in {where}",
            f"for other settings: tidectl config replace {folder.thing} FILE; "
            f"for a new certificate: tidectl provision {folder.thing} --rotate",
        )


def _refuse_another_cloud(folder: ThingFolder, target: Target) -> None:
    """A certificate of one cloud can't be revoked in another, nor its batches sent there."""
    if (folder.path / "thing.json").exists():
        facts = folder.facts()
        if facts["target"] != target.name:
            raise TidectlError(
                f"{folder.thing} belongs to the target {facts['target']}, not {target.name}",
                "take another name, or another --home",
            )


def _config_before(folder: ThingFolder) -> Mapping[str, Any]:
    """Return the configuration that the thing has, else the defaults."""
    try:
        config = json.loads(folder.config_path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return DEFAULT_SETTINGS
    except (OSError, ValueError) as error:
        config = error
    if not isinstance(config, dict):
        raise TidectlError(
            f"{folder.config_path} holds no configuration",
            "remove it, and give --site and --config again",
        )
    return config


def refuse_settled(settings: Mapping[str, Any]) -> None:
    """Raise `TidectlError` where they say what provisioning decides."""
    settled = sorted(settings.keys() & set(SETTLED))
    if settled:
        raise TidectlError(
            f"{', '.join(settled)} can't be set in the configuration",
            "provisioning sets the thing, its site and its broker",
        )


def settled_config(
    target: Target, thing: str, site: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the board's whole configuration; raises `TidectlError`."""
    refuse_settled(settings)
    broker = target.broker()
    config = {
        "thing": thing,
        "site": site,
        "broker": {"host": broker.host, "port": broker.port},
        **settings,
    }
    return with_own_clock(config) if target.local else config


def with_own_clock(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` for a simulated board, which has this machine's clock."""
    return {**config, "clock": config.get("clock", {"sntp_host": None})}


def _make_image(
    folder: ThingFolder,
    draft: Path,
    config: dict[str, Any],
    identity: tuple[bytes, bytes, bytes],
    sizes_bytes: tuple[int, int],
) -> None:
    """Make the draft's image; one that exists is updated, so that its outbox stays."""
    image_path = draft / folder.image_path.name
    if folder.image_path.exists():
        firmware_image.save_image(image_path, folder.image_path.read_bytes())
        firmware_image.update_image(image_path, config, *identity, update_keys=folder.update_keys())
    else:
        image_bytes, outbox_bytes = sizes_bytes
        image = firmware_image.build_image(
            config, *identity, size_bytes=image_bytes, update_keys=folder.update_keys()
        )
        firmware_image.save_image(image_path, image)
        if outbox_bytes:
            save_partition(image_path, outbox_bytes)


def _facts(target: Target, config: Mapping[str, Any], registration: Registration) -> bytes:
    document = {
        "target": target.name,
        "region": target.region,
        "site": config["site"],
        "broker": config["broker"],
        "certificate_id": registration.certificate_id,
        "certificate_arn": registration.certificate_arn,
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
