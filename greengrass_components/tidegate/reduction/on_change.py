"""Keep a value when it differs from the last one kept."""

from math import isnan

from tidegate.reduction.value import Value
from tidegate.reduction.verdict import Verdict

_NOTHING = object()


class OnChange:
    """The rule for switches, states and texts: equal values are kept once."""

    def __init__(self) -> None:
        self._kept: object = _NOTHING
        self._kept_quality = -1
        self._last: tuple[Value, int] = None, -1

    def offer(self, at_ns: int, value: Value, quality: int) -> Verdict:  # noqa: ARG002  a Rule
        """Keep the first value and each that differs, in type too, from the last one kept."""
        self._last = value, quality
        # NaN differs from itself, and must not be news for ever.
        same = value == self._kept or (_is_nan(value) and _is_nan(self._kept))
        if same and type(value) is type(self._kept) and quality == self._kept_quality:
            return Verdict.NONE
        self.keep()
        return Verdict.THIS

    def keep(self) -> None:
        """Compare with the value offered last from now on."""
        self._kept, self._kept_quality = self._last


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and isnan(value)
