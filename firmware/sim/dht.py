"""Stand in for the board's module `dht`: the part at the pin has `frame()`, of five bytes."""

import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def dht_readinto(pin: "Any", buffer: bytearray) -> None:
    """Fill `buffer` with a frame. Raises OSError where none comes."""
    part = pin.part()
    if part is None:
        raise OSError(errno.ETIMEDOUT)
    buffer[:] = part.frame()
