"""Check what a measurement's `fields` ask for, and turn it into the integers they are worked by.

Only a configuration that has such a key, or `quality`, loads this, and only to be read.
Numbers with a point are text: a board's float has 24 bits.
"""

from collections import namedtuple

from tidenode.config import PERIOD_MS_MIN, REQUIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.config import Spec

FIELD: "Spec" = (
    ("deadband", str, None, 1, 20),
    ("min_interval_ms", int, 0, 0, 86_400_000),
    ("max_interval_ms", int, 0, 0, 86_400_000),
)
OVERSAMPLE: "Spec" = (
    ("count", int, REQUIRED, 2, 64),  # readings kept in RAM until they are one sample
    ("how", str, "mean", 3, 6),
)
CALIBRATION: "Spec" = (
    ("offset", str, None, 1, 20),
    ("scale", str, None, 1, 20),
    ("polynomial", str, None, 3, 120),
)
SECTIONS = (("oversample", OVERSAMPLE), ("calibration", CALIBRATION))
HOWS = ("mean", "min", "max", "median")
COEFFICIENTS_MAX = 6
_DIGITS_MAX = 18  # what 64 bits hold

# Of each field in order, None for what it does not have, and how many readings are a sample.
# Behind them bands and hows of the field `quality`, where the measurement has it.
#   polynomials  (numerators, the lowest power first; denominator), of the scaled integer
#   bands        (left, right, relative, min ms, max ms): a change passes where
#                change * left > right + kept * relative
#   hows         one of HOWS
Conditions = namedtuple("Conditions", ("polynomials", "bands", "hows", "count"))


def conditions_of(
    document: object,
    path: str,
    *,
    fields: "tuple[tuple[str, int], ...]",
    period_ms: "int | None",
    section: "Callable[..., dict[str, Any]]",
    mistakes: list[str],
) -> "Conditions | None":
    """Return what `document`, found at `path`, asks for `fields`; mistakes are noted.

    `section` is `config`'s check of an object by a table.
    """
    if not isinstance(document, dict):
        mistakes.append("%s: must be an object" % path)
        return None
    for name in sorted(set(document) - {name for name, _ in fields}):
        mistakes.append("%s.%s: the driver has no such field" % (path, name))
    polynomials: list[tuple[tuple[int, ...], int] | None] = []
    bands: list[tuple[int, int, int, int, int] | None] = []
    hows: list[str | None] = []
    count = 1
    for name, decimals in fields:
        one = document.get(name)
        polynomial = band = how = None
        if name in document:
            inner = "%s.%s." % (path, name)
            keys = [key for key, _ in SECTIONS]
            values = section(one, inner, FIELD, mistakes, keys)
            band = _band(values, decimals, inner, mistakes)
            one = one if isinstance(one, dict) else {}
            if "oversample" in one:
                values = section(one["oversample"], inner + "oversample.", OVERSAMPLE, mistakes)
                how = values["how"]
                count = _count(values, count, period_ms, inner + "oversample.", mistakes)
            if "calibration" in one:
                values = section(one["calibration"], inner + "calibration.", CALIBRATION, mistakes)
                polynomial = _polynomial(values, decimals, inner + "calibration.", mistakes)
        polynomials.append(polynomial)
        bands.append(band)
        hows.append(how)
    return Conditions(polynomials, bands, hows, count)


def rated(
    conditions: "Conditions | None",
    fields: "tuple[tuple[str, int], ...]",
    path: str,
    mistakes: list[str],
) -> "Conditions | None":
    """Return `conditions` with those of the field `quality`, any change of which is kept.

    `path` is the measurement's, `fields` are its driver's, which may have none of that name.
    """
    if "quality" in [name for name, _ in fields]:
        mistakes.append("%squality: the driver has a field of that name" % path)
    if conditions is None:
        return None
    polynomials, bands, hows, count = conditions
    band = (1, 0, 0, 0, 0) if any(bands) else None
    return Conditions(polynomials, bands + [band], hows + [None], count)


def decimal_of(text: str) -> "tuple[int, int]":
    """Return (integer, power) of the decimal `text`, integer / 10**power. Raises ValueError."""
    digits = text[1:] if text[:1] in ("-", "+") else text
    whole, point, rest = digits.partition(".")
    if not (whole + rest).isdigit() or (point and not rest) or len(whole + rest) > _DIGITS_MAX:
        raise ValueError(text)
    number = int(whole + rest)
    return (-number if text[0] == "-" else number), len(rest)


def _band(
    values: "dict[str, Any]", decimals: int, path: str, mistakes: list[str]
) -> "tuple[int, int, int, int, int] | None":
    deadband, shortest, longest = [values[key] for key, *_ in FIELD]
    if shortest and longest and shortest > longest:
        mistakes.append("%smin_interval_ms: is above max_interval_ms, %d" % (path, longest))
    if deadband is None and not shortest and not longest:
        return None
    left = right = relative = 0
    if deadband is not None:
        try:
            number, power = decimal_of(deadband[:-1] if deadband[-1] == "%" else deadband)
            if number < 0:
                raise ValueError(deadband)
        except ValueError:
            mistakes.append(
                "%sdeadband: must be a decimal or a percentage, not %r" % (path, deadband)
            )
            return None
        if deadband[-1] == "%":
            left, relative = 10 ** (power + 2), number
        else:
            left, right = 10**power, number * 10**decimals
    return left, right, relative, shortest or 0, longest or 0


def _count(
    values: "dict[str, Any]", others: int, period_ms: "int | None", path: str, mistakes: list[str]
) -> int:
    count: int | None = values["count"]
    if values["how"] is not None and values["how"] not in HOWS:
        mistakes.append("%show: must be one of %s" % (path, ", ".join(HOWS)))
    if count is None:
        return others
    if others not in (1, count):
        mistakes.append("%scount: must be that of the other fields, %d" % (path, others))
    elif period_ms and (period_ms % count or period_ms // count < PERIOD_MS_MIN):
        mistakes.append(
            "%scount: must divide period_ms, %d, into parts of %d or more"
            % (path, period_ms, PERIOD_MS_MIN)
        )
    return count


def _polynomial(
    values: "dict[str, Any]", decimals: int, path: str, mistakes: list[str]
) -> "tuple[tuple[int, ...], int] | None":
    texts = [values["offset"] or "0", values["scale"] or "1"]
    if values["polynomial"] is not None:
        if values["offset"] or values["scale"]:
            mistakes.append("%spolynomial: excludes offset and scale" % path)
        texts = values["polynomial"].split()
    found = []
    for text in texts:
        try:
            found.append(decimal_of(text))
        except ValueError:
            mistakes.append("%smust be decimals, not %r" % (path[:-1] + ": ", text))
            return None
    if not 2 <= len(found) <= COEFFICIENTS_MAX:
        mistakes.append("%spolynomial: must have 2 to %d coefficients" % (path, COEFFICIENTS_MAX))
        return None
    power = max([one for _, one in found])
    degree = len(found) - 1
    numerators = [
        number * 10 ** (power - one + decimals * (degree - at))
        for at, (number, one) in enumerate(found)
    ]
    return tuple(numerators), 10 ** (power + decimals * (degree - 1))
