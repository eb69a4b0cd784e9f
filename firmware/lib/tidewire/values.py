"""Turn plain values into a Column and back; a board, which has integers, does without."""

from tidewire.column import BOOLEAN, DECIMAL, FLOAT, INTEGER, TEXT, Column
from tidewire.errors import WireMalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DECIMALS_TRIED = 9
# Beyond this an integer is no longer exact in this VM's float (32-bit on ESP32).
_EXACT_MAX = 1 << 24 if float((1 << 24) + 1) == float(1 << 24) else 1 << 53


def column_of(name: str, values: "Sequence[object]") -> Column:
    """Return the Column that holds `values` (int, float, bool, str, None) without loss.

    Ints become INTEGER. Floats, and ints among them, become DECIMAL where each is exact
    in at most 9 decimals (so that 21.5 costs what 215 costs), else FLOAT; a negative zero
    loses its sign in DECIMAL. All None is a DECIMAL without values. Raises
    WireMalformedError for other types and for mixtures.
    """
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return Column(name, DECIMAL, 0, list(values))
    if kinds == {bool}:
        return Column(name, BOOLEAN, 0, list(values))
    if kinds == {str}:
        return Column(name, TEXT, 0, list(values))
    if kinds == {int}:
        return Column(name, INTEGER, 0, list(values))
    if kinds - {int, float}:
        raise WireMalformedError(f"field {name!r} mixes types or has one that is not a value")
    return _column_of_floats(name, [None if value is None else float(value) for value in values])  # type: ignore[arg-type]  # only int and float are left


def real_values(column: Column) -> list[object]:
    """Return the values as int, float, bool, str or None; those of a DECIMAL as float."""
    if column.kind != DECIMAL:
        return list(column.values)
    scale = 10**column.decimals
    if None in column.values:
        return [None if value is None else value / scale for value in column.values]
    return [value / scale for value in column.values]


def _column_of_floats(name: str, values: list[float | None]) -> Column:
    decimals = 0
    for value in values:
        if value is not None:
            decimals = _decimals_of(value, decimals)
            if decimals < 0:
                return Column(name, FLOAT, 0, values)
    scale = 10**decimals
    scaled = [None if value is None else round(value * scale) for value in values]
    for number in scaled:
        if number is not None and not -_EXACT_MAX <= number <= _EXACT_MAX:
            return Column(name, FLOAT, 0, values)
    return Column(name, DECIMAL, decimals, scaled)


def _decimals_of(value: float, decimals: int) -> int:
    """Return how many decimals, at least `decimals`, hold `value` exactly; -1 if none do."""
    if not -_EXACT_MAX <= value <= _EXACT_MAX:
        return -1  # NaN and the infinities among them
    while decimals <= _DECIMALS_TRIED:
        scale = 10**decimals
        number = round(value * scale)
        if not -_EXACT_MAX <= number <= _EXACT_MAX:
            return -1
        if number / scale == value:
            return decimals
        decimals += 1
    return -1
