"""Single-precision numbers as the decimals that devices mean by them.

A device's 1.7 arrives as 1.7000000476837158; as 1.7 it costs two bytes of a batch instead of nine,
reads better, and is the same number to the device. Pure.
"""

import struct
from math import isfinite

_SINGLE = struct.Struct("<f")
_DIGITS = (6, 7, 8, 9)  # nine always tell a single apart


def shortest(value: float) -> float:
    """Return the number with the fewest digits that is the same single-precision number.

    What is no single-precision number, or not finite, comes back as it is.
    """
    if not isfinite(value):
        return value
    try:
        packed = _SINGLE.pack(value)
    except OverflowError:
        return value
    if _SINGLE.unpack(packed)[0] != value:
        return value
    for digits in _DIGITS:
        short = float(f"{value:.{digits}g}")
        try:
            if _SINGLE.pack(short) == packed:
                return short
        except OverflowError:  # the largest one, rounded up
            continue
    return value
