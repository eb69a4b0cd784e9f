"""Stand in for a board at a serial port: MicroPython's unix port behind a PTY, with resets.

What mpremote opens is the outer PTY. The program runs on an inner one, since it must have a
terminal whose Ctrl-C interrupts it; the bridge between them adds what a chip does and a process
can't: after Ctrl-D, which ends the process, and after `machine.reset()`, which ends it with a
code of its own, it starts again on the same flash image. It stands in for prompt and file
protocol: no USB, no timing, no Wi-Fi.
"""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import threading
import tty
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.firmware.vm import MICROPYTHON
from tidectl.firmware_image import FIRMWARE, compile_folder
from tidectl.simulated_board import RESET_EXIT_CODE, outbox_partition

HEAP_BYTES = 512 * 1024  # the stand-ins share the board's heap; memory is not what this is for
_BOOT = Path(__file__).with_name("standin_boot.py")
_BOOTED = b"\0BOOTED\0"
_RAW, _FRIENDLY = b"raw REPL; CTRL-B to exit", b'Type "help()"'
_PROMPT = b">>> "
_POLL_MS = 20
_END_S_MAX, _RESETS_S_MAX = 10.0, 30.0


class StandIn:
    """A board on the flash image at `image`; `port` is where it is plugged in.

    It has the partition for the outbox that is beside the image, if one is.
    """

    def __init__(self, image: Path) -> None:
        self._image = image
        partition = outbox_partition(image).resolve()
        self._partition = [partition] if partition.exists() else []
        self._stand_ins = compile_folder(FIRMWARE / "sim")
        self._outer, slave = pty.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)
        self.resets = 0  # of both kinds
        self._changed = threading.Condition()
        self._raw = False
        self._ending = False
        self._seen = b""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._start("main")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def unplug(self) -> None:
        """Take the power away; then the image is still."""
        if self._ending:
            return
        self._ending = True
        self._thread.join(_END_S_MAX)
        self._process.kill()
        self._process.wait()
        os.close(self._inner)
        os.close(self._outer)

    def wait_for_resets(self, count: int) -> None:
        """Return when the board was reset so often since it was plugged in, and is up again."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.resets >= count, _RESETS_S_MAX), self.resets

    def _start(self, mode: str) -> None:
        """Boot, and swallow what is not the board's: all up to the marker, or to the prompt."""
        self._inner, slave = pty.openpty()
        _make_console(slave)
        self._process = subprocess.Popen(
            [
                MICROPYTHON, "-X", f"heapsize={HEAP_BYTES}", "-i", _BOOT,
                self._image.resolve(), mode, *self._partition,
            ],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509  # one system call, no lock
            env={"HOME": "/nowhere", "MICROPYPATH": f"{self._stand_ins}:.frozen"},
        )  # fmt: skip
        os.close(slave)
        self._seen = b""
        rest = self._read_until(_BOOTED)
        if mode == "raw":
            self._read_until(_PROMPT, rest)
            os.write(self._inner, b"\x01")
        else:
            self._out(rest)

    def _read_until(self, marker: bytes, so_far: bytes = b"") -> bytes:
        while marker not in so_far:
            try:
                so_far += os.read(self._inner, 4096)
            except OSError as error:
                raise AssertionError(f"the board did not boot: {so_far!r}") from error
        return so_far.partition(marker)[2]

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._outer, select.POLLIN)
        while not self._ending:
            events = dict(poll.poll(0))
            hung_up = events.get(self._outer, 0) & select.POLLHUP  # nobody has the port open
            if events.get(self._outer, 0) & select.POLLIN:  # also what came before it was closed
                self._pass_in()
            if not self._pass_out(hung_up=bool(hung_up)):
                self._reset()

    def _pass_in(self) -> None:
        with suppress(OSError):  # the port was closed, or the program ended, which shows later
            os.write(self._inner, os.read(self._outer, 4096))

    def _pass_out(self, *, hung_up: bool) -> bool:
        """Pass on what the program says; return whether it lives."""
        watched = [self._inner] if hung_up else [self._inner, self._outer]
        ready, _, _ = select.select(watched, [], [], _POLL_MS / 1000)
        if self._inner not in ready:
            return True
        try:
            data = os.read(self._inner, 4096)
        except OSError:
            return False
        self._seen = (self._seen + data)[-256:]
        if self._seen.rfind(_RAW) != self._seen.rfind(_FRIENDLY):
            self._raw = self._seen.rfind(_RAW) > self._seen.rfind(_FRIENDLY)
        if not hung_up:
            self._out(data)
        return bool(data)

    def _reset(self) -> None:
        code = self._process.wait()
        os.close(self._inner)
        if code in (RESET_EXIT_CODE, -signal.SIGUSR1):
            self._raw = False
            self._out(b"\r\nrst:0x1 (POWERON_RESET)\r\n")
        else:
            self._out(b"MPY: soft reboot\r\n")
        self._start("raw" if self._raw else "main")
        with self._changed:
            self.resets += 1
            self._changed.notify_all()

    def _out(self, data: bytes) -> None:
        with suppress(OSError):  # nobody listens, as on a wire
            os.write(self._outer, data)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _make_console(slave: int) -> None:
    """Let Ctrl-C interrupt, and change no byte on its way."""
    tty.setraw(slave)
    settings = termios.tcgetattr(slave)
    settings[3] |= termios.ISIG | termios.NOFLSH
    termios.tcsetattr(slave, termios.TCSANOW, settings)
