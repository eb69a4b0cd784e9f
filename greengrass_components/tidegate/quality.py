"""How far a value can be trusted."""

from enum import IntEnum


class Quality(IntEnum):
    """GOOD: as the device measured it. UNCERTAIN: the device doubts it, or it is old. BAD: there
    is no value, or none to be used."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2
