"""SenML packs in JSON and CBOR (RFC 8428): values with base fields. CPython only.

Understood: bn, bt, bv, bs, bver; n, t, v, vs, vb, s. A sum becomes the field `<name>_sum`.
Read over: units (a field's name carries its unit here), ut, and labels that are unknown.
Refused: vd, a bver above 10, and unknown labels that end in `_`, as section 4.4 demands.

The field is the part of the record's name after the base name, or where that is empty the
last part of the base name between `:`, `/` and `.`; `fieldname` has the spelling. Two
names that become one field are refused. A time below 2**28 seconds is relative to receipt.
"""

import math

from tidewire.cbor_reader import Tag
from tidewire.errors import WireMalformedError
from tidewire.fieldname import field_of
from tidewire.read_errors import WireVersionError

_VERSION_MAX = 10
_RELATIVE_BELOW_S = 1 << 28
# Section 6, table 4.
_CBOR_LABELS = {
    -6: "bs",
    -5: "bv",
    -4: "bu",
    -3: "bt",
    -2: "bn",
    -1: "bver",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
_LABELS = frozenset(_CBOR_LABELS.values())
_BASE_LABELS = frozenset(label for label in _LABELS if label.startswith("b"))
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-:./_")
_TAG_DECIMAL_FRACTION = 4  # RFC 8949, 3.4.4: [exponent, mantissa]
_EXPONENT_MAX = 400  # a double ends before


def senml_values(pack: object, received_at_ms: int) -> list[tuple[int, str, object]]:
    """Return (time in ms, field, value) of each record of a parsed pack.

    Raises WireMalformedError, or WireVersionError for a bver above 10.
    """
    if not isinstance(pack, list) or not pack:
        raise WireMalformedError("a SenML pack is an array of records")
    base: dict[str, object] = {}
    names: dict[str, str] = {}  # field -> the SenML name that became it
    values: list[tuple[int, str, object]] = []
    for item in pack:
        record = _record(item)
        base.update({label: record[label] for label in record if label in _BASE_LABELS})
        _check_version(base.get("bver", _VERSION_MAX))
        found = _record_values(record, base)
        if not found:
            if set(record) <= _BASE_LABELS:
                continue  # it only sets the base of those after it
            raise WireMalformedError("a SenML record has no value")
        full_name, field = _names(record, base)
        if names.setdefault(field, full_name) != full_name:
            raise WireMalformedError(f"{names[field]!r} and {full_name!r} are both field {field}")
        time_ms = _time_ms(record, base, received_at_ms)
        values.extend([(time_ms, field + suffix, value) for suffix, value in found])
    return values


def _record(item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise WireMalformedError("a SenML record is an object")
    record: dict[str, object] = {}
    for key, value in item.items():
        label = _CBOR_LABELS.get(key, key)
        if label in record:
            raise WireMalformedError(f"a SenML record has {label!r} twice")
        if label in _LABELS:
            record[label] = value
        elif isinstance(label, str) and label.endswith("_"):
            raise WireMalformedError(f"SenML label {label!r:.80} has to be understood and is not")
    return record


def _check_version(version: object) -> None:
    if not isinstance(version, (int, float)) or isinstance(version, bool) or version < 1:
        raise WireMalformedError(f"SenML bver is {version!r:.80}")
    if version > _VERSION_MAX:
        raise WireVersionError(version)


def _record_values(record: dict[str, object], base: dict[str, object]) -> list[tuple[str, object]]:
    """Return (suffix of the field, value): at most one value and a sum."""
    if "vd" in record:
        raise WireMalformedError("SenML data values (vd) are not taken: a field holds no bytes")
    if len({"v", "vs", "vb"} & set(record)) > 1:
        raise WireMalformedError("a SenML record has more than one value")
    found: list[tuple[str, object]] = []
    if "v" in record:
        found.append(("", _finite(_number(record, "v") + _number(base, "bv"))))
    elif "vs" in record:
        found.append(("", _typed(record, "vs", str)))
    elif "vb" in record:
        found.append(("", _typed(record, "vb", bool)))
    elif "bv" in base and not set(record) <= _BASE_LABELS and "s" not in record:
        found.append(("", _number(base, "bv")))  # section 4.1: an absent v counts as 0 then
    if "s" in record or ("bs" in base and found):
        found.append(("_sum", _finite(_number(record, "s") + _number(base, "bs"))))
    return found


def _names(record: dict[str, object], base: dict[str, object]) -> tuple[str, str]:
    before = str(_typed(base, "bn", str)) if "bn" in base else ""
    own = str(_typed(record, "n", str)) if "n" in record else ""
    full_name = before + own
    if not full_name or set(full_name) - _NAME_CHARACTERS or not full_name[0].isalnum():
        raise WireMalformedError(f"{full_name!r:.80} is not a SenML name")
    last = before.rstrip(":/.").replace("/", ":").replace(".", ":").split(":")[-1]
    return full_name, field_of(own or last)


def _time_ms(record: dict[str, object], base: dict[str, object], received_at_ms: int) -> int:
    time_s = _finite(_number(record, "t") + _number(base, "bt"))
    offset_ms = round(time_s * 1000)
    return offset_ms + received_at_ms if time_s < _RELATIVE_BELOW_S else offset_ms


def _number(members: dict[str, object], label: str) -> float:
    value = members.get(label, 0.0)
    if isinstance(value, Tag) and value.number == _TAG_DECIMAL_FRACTION:
        value = _decimal_fraction(value.value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WireMalformedError(f"SenML {label} is not a number")
    return _finite(float(value))


def _decimal_fraction(pair: object) -> float:
    if isinstance(pair, list) and len(pair) == 2 and {type(part) for part in pair} == {int}:
        exponent, mantissa = pair
        if -_EXPONENT_MAX <= exponent <= _EXPONENT_MAX:
            return float(f"{mantissa}e{exponent}")
    raise WireMalformedError("a CBOR decimal fraction is not [exponent, mantissa]")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise WireMalformedError("a SenML number is not finite")
    return number


def _typed(members: dict[str, object], label: str, wanted: type) -> object:
    if type(members[label]) is not wanted:
        raise WireMalformedError(f"SenML {label} is not of type {wanted.__name__}")
    return members[label]
