"""The newest value of every signal that is wanted, decoded as its DBC file says.

Flow: frames -> [signals] -> readings
Bounded: one value a signal; frames that nobody wants are dropped, undecodable ones are counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cantools
from cantools.database.errors import Error as DatabaseError
from textparser import Error as ParseError

from tidegate.can.address import CanAddress
from tidegate.can.errors import CanError
from tidegate.can.j1939 import Assembler, identifier_of
from tidegate.scaling import scaled

_BYTE_BITS = 8
_NOT_AVAILABLE_BYTE, _ERROR_BYTE = 0xFF, 0xFE  # of the highest byte, SAE J1939-71


@dataclass(frozen=True, slots=True)
class Told:
    """A signal's newest value and its instant; None where its sender says that it has none."""

    value: int | float | None
    at_ns: int


class Signals:
    """What the bus has told.

    With `j1939`, messages are known by their parameter group, long ones are put together, and
    the values that mean "not available" and "error" are none. `malformed` counts frames that
    are shorter than their message.
    """

    def __init__(self, files: Iterable[Path], *, j1939: bool) -> None:
        self.frames = self.malformed = 0
        self.assembler = Assembler()
        self._j1939 = j1939
        self._told: dict[CanAddress, Told] = {}
        self._wanted: dict[int, tuple[Any, set[CanAddress]]] = {}  # by frame id, or group
        self._database = cantools.database.Database()
        for file in files:
            try:
                self._database.add_dbc_file(file)
            except (OSError, DatabaseError, ParseError, ValueError) as error:
                raise CanError(f"{file} can't be read as a DBC file: {error}") from error

    def want(self, address: CanAddress) -> Any:
        """Keep the newest value of a signal from now on, and return its message.

        Raises `CanError` for one that no file has.
        """
        try:
            message: Any = self._database.get_message_by_name(address.message)
        except KeyError as error:
            known = ", ".join(sorted(one.name for one in self._database.messages)) or "none"
            raise CanError(f"no message {address.message}; there are: {known}") from error
        names = [signal.name for signal in message.signals]
        if address.signal not in names:
            raise CanError(
                f"{address.message} has no signal {address.signal}; it has {', '.join(names)}"
            )
        key = self._key(message.frame_id, message.is_extended_frame)
        self._wanted.setdefault(key, (message, set()))[1].add(address)
        return message

    def told(self, address: CanAddress) -> Told | None:
        """Return the newest value, None when there was none yet."""
        return self._told.get(address)

    def take(self, frame_id: int, extended: bool, data: bytes, at_ns: int) -> None:
        """Take a frame of the bus."""
        self.frames += 1
        source = 0
        if self._j1939 and extended:
            group = self.assembler.take(frame_id, data, at_ns)
            if group is None:
                return
            frame_id, data = group.identifier.frame_id, group.data
            source = group.identifier.source
        found = self._wanted.get(self._key(frame_id, extended))
        if found is None:
            return
        message, addresses = found
        try:
            values = message.decode(data, decode_choices=False, allow_truncated=True)
            raws = message.decode(data, decode_choices=False, scaling=False, allow_truncated=True)
        except (DatabaseError, ValueError):
            self.malformed += 1
            return
        for address in addresses:
            if address.source not in (None, source) or address.signal not in values:
                continue  # of another sender, another multiplexer, or cut off
            value, raw = values[address.signal], raws[address.signal]
            signal = message.get_signal_by_name(address.signal)
            if self._j1939 and extended and _is_none(raw, signal.length):
                value = None
            elif isinstance(value, float) and isinstance(raw, int):
                value = scaled(raw, float(signal.scale), float(signal.offset))
            self._told[address] = Told(value, at_ns)

    def _key(self, frame_id: int, extended: bool) -> int:
        """Return what tells messages apart; standard and extended identifiers may be equal."""
        if self._j1939 and extended:
            return identifier_of(frame_id).pgn | 1 << 30
        return frame_id | (1 << 31 if extended else 0)


def _is_none(raw: Any, bits: int) -> bool:
    """Return whether a raw value says that there is none (SAE J1939-71, table 1)."""
    if not isinstance(raw, int) or raw < 0 or bits == 1:
        return False
    if bits >= _BYTE_BITS:
        return raw >> (bits - _BYTE_BITS) in (_NOT_AVAILABLE_BYTE, _ERROR_BYTE)
    return raw >= (1 << bits) - 2
