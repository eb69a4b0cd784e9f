"""What a device says it has, and the tag map that reads it. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_NOT_NAME = re.compile(r"[^a-z0-9]+")
_CHARACTERS_MAX = 58  # with a number behind it, a name has 64
_TAGS_MAX = 100  # of one group: a batch has 128 columns at most, and one is the quality
_RESERVED = ("time", "thing", "site", "quality")


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsed:
    """A value of a device; `folder` is what it stands in there, `low` and `high` its range."""

    folder: str
    name: str
    address: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    writable: bool = False
    is_text: bool = False


def tag_map_text(
    adapter: str,
    url: str,
    found: Iterable[Browsed],
    period_ms: int = 1000,
    *,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Return a tag map in YAML that reads everything in `found`: a group for each folder.

    `settings` are those of the connection beside `url`, empty ones left out. What may be written
    on the device is not made writable: a comment says that it could be.
    """
    folders: dict[str, list[Browsed]] = {}
    for one in found:
        folders.setdefault(one.folder, []).append(one)
    facts = {"url": url} | {name: text for name, text in (settings or {}).items() if text}
    device = ", ".join(f"{name}: {_text(text)}" for name, text in facts.items())
    lines = [f"adapter: {adapter}", "connections:", f"  device: {{{device}}}", "groups:"]
    measurements: set[str] = set()
    for folder, members in folders.items():
        for start in range(0, len(members), _TAGS_MAX):
            measurement = free_name(folder.rpartition("/")[2], measurements, "values")
            shown = "".join(c if c.isprintable() else "?" for c in folder)
            lines += [f"  # {shown}"] if folder else []
            lines.append(f"  - measurement: {_text(measurement)}")  # else `no` would be no text
            lines += [f"    period_ms: {period_ms}", "    tags:"]
            fields: set[str] = set(_RESERVED)
            for one in members[start : start + _TAGS_MAX]:
                lines.append(f"      - {_tag(one, free_name(one.name, fields, 'value'))}")
    return "\n".join(lines) + "\n"


def free_name(text: str, taken: set[str], otherwise: str) -> str:
    """Return a name like `text` that is not in `taken`, and add it there."""
    base = _NOT_NAME.sub("_", text.lower()).strip("_")[:_CHARACTERS_MAX].strip("_") or otherwise
    if not base[0].isalpha():
        base = f"n_{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    taken.add(name)
    return name


def _tag(one: Browsed, field: str) -> str:
    parts = [f"field: {_text(field)}", f"address: {_text(one.address)}"]
    if one.unit:
        parts.append(f"unit: {_text(one.unit)}")
    if one.low is not None and one.high is not None and one.low < one.high:
        parts += [f"low: {one.low:.10g}", f"high: {one.high:.10g}"]
    keys = "write_characters_max" if one.is_text else "write_low, write_high"
    comment = f"  # may be written: {keys}" if one.writable else ""
    return "{" + ", ".join(parts) + "}" + comment


def _text(text: str) -> str:
    """Return a YAML scalar in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)
    return f'"{shown}"'
