"""From SNMP's values to plain ones."""

from typing import Any

from pyasn1.type import univ
from pysnmp.proto import rfc1902, rfc1905

from tidegate.quality import Quality
from tidegate.sample import Value
from tidegate.tag import Tag

TYPES = ("", "text", "number", "hex", "truth")
_MISSING = (rfc1905.NoSuchObject, rfc1905.NoSuchInstance, rfc1905.EndOfMibView)
_TRUE = 1  # of a TruthValue; 2 is false


def value_of(tag: Tag, raw: Any) -> tuple[Value, Quality]:
    """Return a value for `tag`, scaled, and its quality.

    A type says what a text holds (`number`: "23.5", `hex`: bytes) and that a number is a
    TruthValue (`truth`). Counters wrap at 32 or 64 bits: they come as they are.
    """
    if raw is None or isinstance(raw, _MISSING):
        return None, Quality.BAD
    value = _plain(raw, tag.type)
    if tag.type == "number" and isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
        if value is not None and value - value != 0:
            value = None
    if value is None:
        return None, Quality.BAD
    return tag.meant(value), Quality.GOOD


def _plain(raw: Any, kind: str) -> Value:
    if isinstance(raw, rfc1902.IpAddress | univ.ObjectIdentifier):
        return str(raw.prettyPrint())
    if isinstance(raw, univ.OctetString):
        data = bytes(raw)
        if kind == "hex":
            return data.hex()
        try:
            text = data.decode().rstrip("\x00").strip()
        except UnicodeDecodeError:
            return data.hex()
        return text if text.isprintable() else data.hex()
    if isinstance(raw, univ.Integer):
        return int(raw) == _TRUE if kind == "truth" else int(raw)
    return None
