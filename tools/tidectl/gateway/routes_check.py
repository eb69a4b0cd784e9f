"""What is wrong with a file of the bridge's settings, by line, and what each route takes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidegate import component_settings
from tidegate.errors import GateError
from tidegate.mqtt.program import NAMES
from tidegate.mqtt.route import Route, covers, field_name, matches, overlap, part_name, read_route
from tidegate.mqtt.settings import DEFAULT_ROUTES, MqttSettings, read_settings
from tidegate.setting_reader import SettingsError
from tidegate.tag_map_entry import Mistakes
from tidegate.yaml_lines import LinedMap, YamlError, load
from tidewire import WireError, topic

KINDS = ("mqtt", "mqtt_bridge")


@dataclass(frozen=True, slots=True)
class Routes:
    """The settings of a bridge, as its program reads them."""

    thing: str
    broker: MqttSettings


def is_routes(path: Path) -> bool:
    """Return whether a file has settings of the bridge, as far as can be seen."""
    try:
        found = load(path.read_text()) if path.suffix.lower() != ".csv" else None
    except (OSError, UnicodeDecodeError, YamlError):
        return False
    return isinstance(found, Mapping) and bool({"broker", "routes"} & set(found))


def read_routes(path: Path, gateway: str) -> Routes:
    """Return what is in the file: settings of the component, or `routes` alone.

    Raises `TagMapError` with all mistakes and their lines.
    """
    mistakes = Mistakes()
    try:
        top = load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        mistakes.add(str(path), 0, f"can't be read: {error}")
        raise mistakes.error() from error
    except YamlError as error:
        mistakes.add(path.name, error.line, str(error))
        raise mistakes.error() from error
    if not isinstance(top, LinedMap):
        mistakes.add(path.name, 1, "is no map of settings, of which `broker` has the routes")
        raise mistakes.error()
    if "routes" in top and "broker" not in top:  # routes alone
        broker = LinedMap(top.line)
        broker.put("routes", top.pop("routes"), top.line_of("routes"))
        top.put("broker", broker, top.line_of("routes"))
    for where, what in _mistakes(top, gateway):
        mistakes.add(path.name, _line(top, where), f"{'.'.join(where)} {what}".strip())
    if mistakes:
        raise mistakes.error()
    own = {key: value for key, value in top.items() if key != "broker"}
    settings = component_settings.read_settings({"thing": gateway, **own})
    return Routes(settings.thing, read_settings(top.get("broker") or {}, has_files=False))


def route_facts(routes: Sequence[Route], gateway: str) -> list[dict[str, Any]]:
    """Return what each route takes, what becomes of it, and which routes take some of it first."""
    found = []
    for place, route in enumerate(routes):
        before = [one for one in routes[:place] if overlap(one.filter, route.filter)]
        found.append(
            {
                "route": route.name,
                "filter": route.filter,
                "format": route.format,
                "becomes": _becomes(route, gateway),
                "first": [one.name for one in before],
                "hidden": any(covers(one.filter, route.filter) for one in before),
            }
        )
    return found


def topic_facts(routes: Sequence[Route], name: str, gateway: str) -> dict[str, Any]:
    """Return which route takes a topic, and what becomes of it; `why`: it is set aside."""
    route = next((one for one in routes if matches(one.filter, name)), None)
    facts: dict[str, Any] = {
        "topic": name, "route": route.name if route else None,
        "thing": None, "measurement": None, "field": None, "why": "",
    }  # fmt: skip
    if route is None:
        return facts | {"why": "no route takes it: the bridge does not subscribe to it"}
    levels = name.split("/")
    if route.format == "batch":
        try:
            _, thing, measurement = topic.parse(name)
        except WireError as error:
            return facts | {"why": str(error)}
        return facts | {"thing": thing, "measurement": measurement}
    if route.format == "sparkplug":
        named = field_name(route.measurement.of(levels)) or "sparkplug"
        return facts | {"thing": f"{gateway}:<group:node:device>", "measurement": named}
    facts["thing"] = part_name(gateway, route.thing.of(levels)) or None
    facts["measurement"] = field_name(route.measurement.of(levels)) or None
    if route.format == "value":
        facts["field"] = field_name(route.field.of(levels)) or None
    wanted = ("thing", "measurement", *(("field",) if route.format == "value" else ()))
    missing = [one for one in wanted if not facts[one]]
    return facts | {"why": f"it names no {' and no '.join(missing)}" if missing else ""}


def _mistakes(top: LinedMap, gateway: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (keys to where it is, what is wrong) of all settings."""
    own = {key: value for key, value in top.items() if key != "broker"}
    for name in [name for name in own if name not in NAMES]:
        yield (name,), f"is no setting; there are {', '.join(NAMES)}"
        del own[name]
    yield from _refused((), lambda: component_settings.read_settings({"thing": gateway, **own}))
    broker = top.get("broker") or {}
    if not isinstance(broker, Mapping):
        yield ("broker",), f"is {broker!r}, not a map"
        return
    others = {key: value for key, value in broker.items() if key != "routes"}
    yield from _refused(("broker",), lambda: read_settings(others, has_files=False))
    routes = broker.get("routes") or DEFAULT_ROUTES
    if not isinstance(routes, Mapping):
        yield ("broker", "routes"), "is no map of routes by their names"
        return
    for name, facts in routes.items():
        where = ("broker", "routes", name)
        if isinstance(facts, Mapping):
            yield from _refused(where, partial(read_route, name, facts))
        else:
            yield where, f"is {facts!r}, not a map of filter, format and names"


def _refused(
    where: tuple[str, ...], read: Callable[[], object]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what `read` finds wrong with the settings at `where`."""
    try:
        read()
    except GateError as error:
        cause = error if isinstance(error, SettingsError) else error.__cause__
        texts = cause.mistakes if isinstance(cause, SettingsError) else [str(error)]
        for text in texts:
            name, _, what = text.partition(" ")
            yield (*where, *name.split(".")), what


def _line(top: LinedMap, where: Sequence[str]) -> int:
    """Return the line of the last of these keys that is there."""
    line, place = top.line, top
    for key in where:
        if key not in place:
            break
        line = place.line_of(key)
        if not isinstance(place[key], LinedMap):
            break
        place = place[key]
    return line


def _becomes(route: Route, gateway: str) -> str:
    """Return in words what a message of a route becomes."""
    if route.format == "batch":
        return "the board's own batches, thing and measurement as in the topic"
    measurement = _word(route, "measurement") or "sparkplug"
    if route.format == "sparkplug":
        return f"{gateway}:<group:node:device> / {measurement}, a field each metric"
    field = _word(route, "field") if route.format == "value" else "a field each value"
    return f"{gateway}:{_word(route, 'thing')} / {measurement}, {field}"


def _word(route: Route, what: str) -> str:
    name = getattr(route, what)
    if name.level is None:
        return str(name.text)
    levels = route.filter.split("/")
    known = levels[name.level] if name.level < len(levels) else "#"
    return f"<level {name.level}>" if known in ("+", "#") else known


def check_topic(name: str) -> None:
    """Raise `TidectlError` for what is no topic."""
    if not name or set(name) & set("+#"):
        raise TidectlError(
            f"{name!r} is no topic: it is a filter, or empty", "as tele/kitchen/SENSOR"
        )
