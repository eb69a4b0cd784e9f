"""A board's slots in a folder, and bundles for it, signed with keys made for the test."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from tidectl.firmware_image import FIRMWARE
from tidectl.home import Home
from tidectl.update_bundle import Facts, bundle, manifest
from tidectl.update_key import P256, UpdateKey, make_key, public_keys
from tidenode.update.app_slot import AppSlot
from tidenode.update.blocks import Blocks
from tidenode.update.signature import signed
from tidenode.update.updater import Board, bring

BLOCK_BYTES = 512
MPY = 6


def program(text: str) -> dict[str, bytes]:
    """Return the files of a program; `text` is what they differ by."""
    return {
        "tidenode/app.mpy": b"M\x06" + text.encode() * 300,
        "tidenode/drivers/chip.mpy": b"M\x06always the same" * 40,
        "tidenode/empty.mpy": b"M\x06",
        "tidewire/encoder.mpy": b"M\x06" + text.encode(),
    }


OLD, NEW = program("old"), program("new")


class Slots:
    """A board with `running` in slot a; what it does with a bundle."""

    def __init__(
        self, folder: Path, running: Mapping[str, bytes] = OLD, version: str = "1.0.0"
    ) -> None:
        self.folder = folder / "board"
        self.home = Home(folder / "home")
        self.module = load_slots()
        self.module.ROOT = str(self.folder)
        self.fetched: list[int] = []
        self.reports: list[dict[str, str]] = []
        self.names = ("linux",)
        for path, data in running.items():
            file = self.folder / "app_a" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        text = manifest(Facts(version), running)
        (self.folder / "app_a" / "manifest").write_bytes(text)
        (self.folder / "update").mkdir()
        (self.folder / "update" / "a.0.good").touch()

    def key(self, name: str = "update", kind: str = P256) -> UpdateKey:
        """Return a new key that the board knows."""
        key = make_key(self.home, name, kind)
        for file, data in public_keys(self.home).items():
            path = self.folder / "update_keys" / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        return key

    def bundle(
        self, key: UpdateKey, files: Mapping[str, bytes] = NEW, version: str = "1.1.0", **facts: Any
    ) -> bytes:
        """Return a bundle that `key` has signed."""
        one = bundle(replace(Facts(version), **facts), files)
        return replace(one, signature=key.sign(one.manifest)).to_bytes()

    def bring(self, data: bytes, *, reserve_bytes: int = 0) -> str:
        """Bring `data` to the board; return the version to start. Raises UpdateError."""

        async def fetch(number: int) -> bytes:
            self.fetched.append(number)
            return data[number * BLOCK_BYTES : (number + 1) * BLOCK_BYTES]

        async def report(details: dict[str, str]) -> None:
            self.reports.append(details)

        board = Board(
            self.names,
            MPY,
            lambda digest, signature: signed(digest, signature, str(self.folder / "update_keys")),
            str(self.folder / "update" / "head"),
            lambda _kind: AppSlot(self.module, reserve_bytes),
        )
        return asyncio.run(bring(Blocks(fetch, BLOCK_BYTES, len(data)), board, report))

    def files(self, slot: str) -> dict[str, bytes]:
        """Return what is in a slot."""
        folder = self.folder / f"app_{slot}"
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }

    def state(self) -> tuple[str, int, str]:
        """Return slot, tries, kind."""
        slot, tries, kind = self.module.state()
        return slot, tries, kind


def load_slots() -> ModuleType:
    """Return the firmware's module `slots`, of this caller's own."""
    spec = spec_from_file_location("slots", FIRMWARE / "slots.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
