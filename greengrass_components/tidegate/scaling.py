"""Scale numbers so that whole ones become the decimals that are meant.

165 by 0.01 is 1.65, and not 1.6500000000000001, which packs badly and looks worse.
"""

from decimal import Decimal
from functools import lru_cache

_DECIMALS_MAX = 12  # a double has 15 digits; more decimals are those of a fraction as 1/3


def scaled(raw: float, scale: float, offset: float) -> float:
    """Return raw * scale + offset, of a whole `raw` the nearest decimal of as many places as
    `scale` and `offset` have."""
    value = raw * scale + offset
    if not isinstance(raw, int):
        return value
    decimals = _decimals(scale, offset)
    return value if decimals is None else round(value, decimals)


@lru_cache(1024)
def _decimals(scale: float, offset: float) -> int | None:
    """Return how many decimals there are; None for too many to say."""
    decimals = max(-int(Decimal(repr(one)).as_tuple().exponent) for one in (scale, offset))
    return max(0, decimals) if decimals <= _DECIMALS_MAX else None
