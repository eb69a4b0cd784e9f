"""What a tag of a CAN bus names: a signal of a message in a DBC file, and a sender if need be."""

import re
from dataclasses import dataclass

from tidegate.can.errors import CanError

_PATTERN = re.compile(
    r"(?P<message>[A-Za-z_]\w*)\.(?P<signal>[A-Za-z_]\w*)(?:@(?P<source>0x[0-9a-fA-F]{1,2}|\d{1,3}))?"
)
_SOURCE_MAX = 253  # 254 is nobody's, 255 everyone's


@dataclass(frozen=True, slots=True)
class CanAddress:
    """A signal; `source` is the J1939 address of the only sender that counts, None for any."""

    message: str
    signal: str
    source: int | None = None


def parse_address(text: str) -> CanAddress:
    """Return the address in `text`: `Tank.Level`, `EEC1.EngineSpeed@0x00`; raises `CanError`."""
    match = _PATTERN.fullmatch(text.strip())
    source = int(match["source"], 0) if match and match["source"] else None
    if match is None or (source is not None and source > _SOURCE_MAX):
        raise CanError(f"{text!r} is no signal, as in Tank.Level or EEC1.EngineSpeed@0x00")
    return CanAddress(match["message"], match["signal"], source)
