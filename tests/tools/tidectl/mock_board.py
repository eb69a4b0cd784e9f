"""A chip in its boot loader at a PTY, with real flash: esp32-mock-bootloader in a process.

Its flash lives as long as the process. No CPU is behind it: nothing that is written ever runs.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tidectl import esptool
from tidectl.esptool import Connection, Part

_PROGRAM = Path(sys.executable).with_name("esp32-mock-bootloader")
_START_S_MAX = 15.0
_POLL_S = 0.02
FLASH_BYTES = 4 << 20  # of every chip it plays


class MockBoard:
    """A board with the chip that esptool's --chip calls `chip`, plugged in at `port`."""

    def __init__(self, folder: Path, chip: str) -> None:
        self._folder = folder
        self._chip = chip
        self.port = ""
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        port_file = self._folder / f"{self._chip}.port"
        port_file.unlink(missing_ok=True)
        command = [_PROGRAM, "run", "--pty", "--chip", self._chip, "--port-file", port_file]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "ESP32_MOCK_BOOTLOADER_STATE_DIR": str(self._folder)},
        )
        deadline = time.monotonic() + _START_S_MAX
        while not (port_file.exists() and port_file.read_text().strip()):
            assert self._process.poll() is None
            assert time.monotonic() < deadline, "the mock did not start"
            time.sleep(_POLL_S)
        # By a name of its own: the terminal's may be another board's as soon as this one is gone.
        link = self._folder / f"{self._chip}.tty"
        link.unlink(missing_ok=True)
        link.symlink_to(port_file.read_text().strip())
        self.port = str(link)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Pull the plug."""
        Path(self.port).unlink(missing_ok=True)
        self._process.kill()
        self._process.wait()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return what is in the flash, read as anyone would."""
        path = self._folder / "back.bin"
        if self._connection is None:
            self._connection = Connection(self.port, esptool.detect(self.port))
        esptool.read(self._connection, Part(offset, path), size_bytes, show=lambda _: None)
        return path.read_bytes()
