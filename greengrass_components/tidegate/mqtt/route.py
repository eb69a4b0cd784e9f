"""A route: which topics, what their payloads are, and whose measurements they become. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.mqtt.errors import MqttError
from tidegate.setting_reader import SettingReader, SettingsError
from tidewire import topic

BATCH_FILTER = "dt/tidegauge/+/+/+"
SPARKPLUG_FILTER = "spBv1.0/#"
FORMATS = ("batch", "json", "value", "sparkplug")
_NOT_THING = re.compile(r"[^A-Za-z0-9_:-]+")
_NOT_FIELD = re.compile(r"[^a-z0-9]+")
_NAME_CHARACTERS_MAX = 64
_LEVELS_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name that is given, or that a level of the topic has (from 0); neither: `text` is ""."""

    text: str = ""
    level: int | None = None

    def of(self, levels: list[str]) -> str:
        """Return the name for a topic of these levels."""
        if self.level is None:
            return self.text
        return levels[self.level] if self.level < len(levels) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`batch`: tidewire batches, and SenML or flat JSON of devices that know none, on topics
    `dt/tidegauge/<site>/<thing>/<measurement>`. `json`: SenML or flat JSON on any topic.
    `value`: one number or text. `sparkplug`: Sparkplug B. Things of all but the first are parts
    of the gateway: `<gateway>:<thing>`.
    """

    name: str
    filter: str
    format: str
    thing: Name
    measurement: Name
    field: Name


def read_route(name: str, facts: Mapping[str, Any]) -> Route:
    """Return the route in `facts`; raises `MqttError` with all mistakes."""
    reader = SettingReader(facts)
    filter_ = reader.text("filter")
    format_ = reader.choice("format", FORMATS, "batch")
    names: dict[str, Name] = {}
    for key in ("thing", "measurement", "field"):
        text = reader.text(key, "")
        level = reader.integer(f"{key}_level", -1, -1, _LEVELS_MAX)
        names[key] = Name(text=text, level=level if level >= 0 else None)
        if text and level >= 0:
            reader.mistake(key, "is there, and a level too: one of them")
    wanted = {"json": ("thing", "measurement"), "value": ("thing", "measurement", "field")}
    for key in wanted.get(format_, ()):
        if names[key] == Name():
            reader.mistake(key, f"is missing, or {key}_level, for the format {format_}")
    if filter_ and not _is_filter(filter_):
        reader.mistake("filter", f"{filter_!r} is no topic filter")
    elif filter_:
        _check_use(reader, filter_, format_, names)
    try:
        reader.finish()
    except SettingsError as error:
        raise MqttError(str(error)) from error
    return Route(name=name, filter=filter_, format=format_, **names)


def _check_use(
    reader: SettingReader, filter_: str, format_: str, names: Mapping[str, Name]
) -> None:
    """Note what could never become of any topic that the filter takes."""
    levels = filter_.split("/")
    for key, name in names.items():
        if name.level is not None and levels[-1] != "#" and name.level >= len(levels):
            reader.mistake(
                f"{key}_level",
                f"is {name.level}: {filter_} has the levels 0 to {len(levels) - 1}",
            )
    wanted = {
        "batch": (BATCH_FILTER, f"{topic.BASIC_INGEST_PREFIX}{BATCH_FILTER}"),
        "sparkplug": (SPARKPLUG_FILTER,),
    }.get(format_)
    if wanted and not any(overlap(filter_, one) for one in wanted):
        reader.mistake("filter", f"{filter_} takes no topic of the format {format_}: {wanted[0]}")


def _is_filter(text: str) -> bool:
    """Return whether it is a filter (MQTT 3.1.1, 4.7.1)."""
    levels = text.split("/")
    return (
        all(level in ("+", "#") or not set(level) & set("+#") for level in levels)
        and "#" not in levels[:-1]
    )


def overlap(one: str, other: str) -> bool:
    """Return whether there is a topic that both filters take."""
    pairs = (one.split("/"), other.split("/"))
    if any(a[0].startswith("$") and b[0] in ("+", "#") for a, b in (pairs, pairs[::-1])):
        return False
    for place in range(max(map(len, pairs))):
        levels = [levels[place] if place < len(levels) else None for levels in pairs]
        if "#" in levels:
            return True
        if None in levels:
            return False
        if "+" not in levels and levels[0] != levels[1]:
            return False
    return True


def covers(wide: str, narrow: str) -> bool:
    """Return whether `wide` takes every topic that `narrow` takes."""
    wanted, levels = wide.split("/"), narrow.split("/")
    if levels[0].startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, want in enumerate(wanted):
        if want == "#":
            return True
        if place >= len(levels) or levels[place] == "#":
            return False
        if want not in ("+", levels[place]):
            return False
    return len(wanted) == len(levels)


def matches(filter_: str, topic: str) -> bool:
    """Return whether a topic matches a filter; one that begins with $ only where it is meant."""
    levels, wanted = topic.split("/"), filter_.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for place, want in enumerate(wanted):
        if want == "#":
            return True
        if place >= len(levels) or want not in ("+", levels[place]):
            return False
    return len(levels) == len(wanted)


def thing_name(text: str) -> str:
    """Return `text` as a thing may be named; "" when nothing of it is left."""
    return _NOT_THING.sub("_", text).strip("_")[:_NAME_CHARACTERS_MAX]


def part_name(gateway: str, text: str) -> str:
    """Return the thing `<gateway>:<text>`, which the gateway may speak for; "" for no text.

    Where the name gets too long its end counts: that is what tells devices apart.
    """
    name = thing_name(text)
    if not name:
        return ""
    room = _NAME_CHARACTERS_MAX - len(gateway) - 1
    return f"{gateway}:{name[-room:]}"


def field_name(text: str) -> str:
    """Return `text` as a field or measurement may be named; "" when nothing of it is left."""
    name = _NOT_FIELD.sub("_", text.lower()).strip("_")[: _NAME_CHARACTERS_MAX - 2]
    if name and not name[0].isalpha():
        name = f"n_{name}"
    return f"{name}_" if name in ("time", "thing", "site") else name
