"""What outlives a deep sleep: samples, and what is to be known without a file. Pure.

Bounded by the 2,048 bytes of the RTC's memory; a sample that does not fit is counted as lost.
A check tells memory that was without power, or was cut while being written.

    check    u32   CRC-32 of all behind it
    magic    u16, plan_bytes u16
    wakes    10 bits of u16, then whether a driver hung, then 5 bits: the number of the measurement
             whose driver runs, or hung, and 1
    samples  u16
    lost     u32   samples lost and not yet counted in the outbox
    turns    u32   wakes since the cold start
    moving   u32   sequence at which the samples began to go to the outbox, and 1; 0: not begun
    anchor   u64   what the board's clock said right after it was last set, in ms; 0: never
    last     u64   time of the newest sample, in ms
    plan           JSON
    samples        number of the measurement u8, then varints: time since the sample before,
                   and a value for each field, 0 for none

Times are the board's own clock: it is known how wrong it was when it is next set.
"""

import binascii
import json
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Sample = tuple[int, int, list[int | None]]  # number of the measurement, time, values

BYTES_MAX = 2_048
WATCHDOG_S = 120  # the configuration's default
PLAN_BYTES_MAX = 1_024
MAGIC = 0x5453
_HEAD = "<HHHHIIIQQ"
_HEAD_BYTES = 36
_NUMBER_BYTES = 5  # a value or a time, as most are
_WAKES_BITS = 10  # a configuration has 1,000 at the most
_HUNG = 1 << _WAKES_BITS


class Memory:
    """The contents; `plan` is a dict with `period_s`, `wakes_per_upload` and `measurements`, of
    which each is [driver, options that are not the defaults, number of fields, every so many
    wakes]; and 1 behind that, where a read that fails is a sample without values. It has
    `watchdog_s` where that is not WATCHDOG_S.
    """

    def __init__(self, plan: "dict[str, Any]") -> None:
        self.plan = plan
        self.wakes = self.samples = self.lost = self.turns = self.moving = 0
        self.anchor_ms = 0
        self.running = 0
        self.hung = False
        self._plan = json.dumps(plan).encode()
        self._last_ms = 0
        self._data = bytearray()

    def begin_driver(self, number: int) -> bool:
        """Note whose driver runs; return False for the one that hung, which is left out.

        Nobody's is -1. Of two that hang each other's turn is tried.
        """
        if self.hung:
            return number + 1 != self.running
        self.running = number + 1
        return True

    def bitten(self) -> int:
        """The watchdog ended a wake: note that who ran has hung, and return its number; -1: nobody.

        It is left out until `try_all`.
        """
        self.hung = self.running > 0 and not self.hung
        if not self.hung:
            self.running = 0
        return self.running - 1

    def try_all(self) -> None:
        """Leave nobody out any more."""
        self.running, self.hung = 0, False

    @property
    def room_bytes(self) -> int:
        """The bytes that are left for samples."""
        return BYTES_MAX - 4 - _HEAD_BYTES - len(self._plan) - len(self._data)

    @property
    def is_nearly_full(self) -> bool:
        """Whether the samples of another wake may not fit."""
        numbers = sum([2 + one[2] for one in self.plan["measurements"]])
        return self.room_bytes < _NUMBER_BYTES * int(numbers)

    def add(self, number: int, time_ms: int, values: "Sequence[int | None]") -> bool:
        """Keep a sample; return False, having counted it as lost, where there is no room."""
        record = bytearray((number,))
        _write(record, _zigzag(time_ms - self._last_ms))
        for value in values:
            _write(record, 0 if value is None else _zigzag(value) + 1)
        if len(record) > self.room_bytes:
            self.lost += 1
            return False
        self._data.extend(record)
        self._last_ms = time_ms
        self.samples += 1
        return True

    def all(self) -> "Iterator[Sample]":
        """Return the samples, in order."""
        return self._rows(self._data)

    def _rows(self, data: bytearray) -> "Iterator[Sample]":
        at = time_ms = 0
        while at < len(data):
            number = data[at]
            step_ms, at = _read(data, at + 1)
            time_ms += _unzigzag(step_ms)
            values: list[int | None] = []
            for _ in range(self.plan["measurements"][number][2]):
                value, at = _read(data, at)
                values.append(_unzigzag(value - 1) if value else None)
            yield number, time_ms, values

    def forget(self) -> None:
        """Forget the samples: they lie elsewhere, or were lost."""
        self._data = bytearray()
        self.samples = self._last_ms = self.moving = 0

    def forget_first(self, measurements: int) -> None:
        """Forget the samples of the first so many measurements that have any, and the move."""
        first = sorted({row[0] for row in self.all()})[:measurements]
        rest = [row for row in self.all() if row[0] not in first]
        self.forget()
        for row in rest:
            self.add(*row)

    def forget_impossible(self, can_be: "Callable[[int], bool]") -> None:
        """Count as lost the samples of instants that can't be."""
        rest = [row for row in self.all() if can_be(row[1])]
        if len(rest) < self.samples:
            self.lost += self.samples - len(rest)
            self.forget()
            for row in rest:
                self.add(*row)

    def correct(self, now_ms: int, utc_ms: int) -> None:
        """The clock says `now_ms` while it is `utc_ms`: put the times right, once for all.

        What it is wrong by grew evenly since it was set; if it never was, or lost its time since,
        it was wrong from the start.
        """
        wrong_ms, anchor_ms = utc_ms - now_ms, self.anchor_ms
        before, self._data = self._data, bytearray()
        self.samples = self._last_ms = 0
        for number, at_ms, values in self._rows(before):
            time_ms = at_ms
            if not anchor_ms or at_ms <= now_ms < anchor_ms:
                time_ms += wrong_ms
            elif anchor_ms < time_ms <= now_ms:  # else it is right already
                time_ms += wrong_ms * (time_ms - anchor_ms) // (now_ms - anchor_ms)
            self.add(number, time_ms, values)
        self.anchor_ms = utc_ms

    def dumped(self) -> bytes:
        """Return the contents as they lie in the RTC."""
        body = struct.pack(
            _HEAD,
            MAGIC,
            len(self._plan),
            min(self.wakes, _HUNG - 1) | self.hung * _HUNG | self.running * _HUNG << 1,
            self.samples,
            min(self.lost, 0xFFFFFFFF),
            self.turns & 0xFFFFFFFF,
            self.moving,
            self.anchor_ms,
            self._last_ms,
        )
        body += self._plan + bytes(self._data)
        return struct.pack("<I", binascii.crc32(body)) + body


def loaded(data: bytes) -> "Memory | None":
    """Return what `dumped` made, None for anything else: a cold start."""
    if not 4 + _HEAD_BYTES < len(data) <= BYTES_MAX:
        return None
    if struct.unpack("<I", data[:4])[0] != binascii.crc32(data[4:]):
        return None
    head = struct.unpack(_HEAD, data[4 : 4 + _HEAD_BYTES])
    if head[0] != MAGIC:
        return None
    begin = 4 + _HEAD_BYTES
    end = begin + head[1]
    made = Memory(json.loads(data[begin:end]))
    made._plan = data[begin:end]  # dicts have no order on a board: another dump may differ
    made.wakes, made.samples, made.lost, made.turns, made.moving = head[2:7]
    made.running, made.hung = made.wakes >> _WAKES_BITS + 1, bool(made.wakes & _HUNG)
    made.wakes &= _HUNG - 1
    made.anchor_ms, made._last_ms = head[7:]
    made._data = bytearray(data[end:])
    return made


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return -(number + 1 >> 1) if number & 1 else number >> 1


def _write(out: bytearray, number: int) -> None:
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _read(data: bytearray, at: int) -> "tuple[int, int]":
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, at
