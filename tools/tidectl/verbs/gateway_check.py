"""`tidectl gateway check`: what is wrong with a tag map, or its requests and the bus load.

Of the bridge's settings: what is wrong with them, or what each route takes.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.gateway.bus_load import asked_load, modbus_load
from tidectl.gateway.routes_check import (
    KINDS,
    Routes,
    check_topic,
    is_routes,
    read_routes,
    route_facts,
    topic_facts,
)
from tidectl.gateway.thing_owners import check_owners
from tidectl.options import examples, json_option
from tidectl.output import print_json, print_table, say
from tidegate.adapter_kind import AdapterKind, find_kind
from tidegate.errors import GateError
from tidegate.setting_reader import SettingsError
from tidegate.tag_map import Bus, Mistake, TagMap, TagMapError, read_tag_map

REQUESTS_SHOWN_MAX = 50


@click.command(
    epilog=examples(
        "tidectl gateway check greengrass_components/modbus_adapter/tags.yaml",
        "tidectl gateway check tags.csv --adapter modbus --json",
        "tidectl gateway check tags.yaml --round-trip-ms 20   # what if devices are slower",
        "tidectl gateway check modbus.yaml --beside opcua.yaml   # of the same gateway",
        "tidectl gateway check routes.yaml --topic tele/kitchen/SENSOR   # of the MQTT bridge",
    )
)
@click.argument("tag_map", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--adapter", help="The adapter, where the file does not say; mqtt_bridge for routes.")
@click.option("--thing", default="gateway", show_default=True, help="The gateway's name.")
@click.option(
    "--round-trip-ms",
    type=click.FloatRange(0, 60_000),
    help="What devices take to answer, before what the tag map says.",
)
@click.option(
    "--beside",
    "others",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="TAG_MAP",
    help="Of another component of the gateway: they may share no thing. May be repeated.",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    help="Of routes: say which one takes it, and what becomes of it. May be repeated.",
)
@json_option
def command(
    tag_map: Path,
    adapter: str | None,
    thing: str,
    round_trip_ms: float | None,
    others: tuple[Path, ...],
    topics: tuple[str, ...],
    as_json: bool,
) -> None:
    """Print a tag map's request plan and the load on its bus, or what a bridge's routes take.

    TAG_MAP is YAML or CSV, or a file of the MQTT bridge's settings. What listens (OPC UA, CAN)
    asks for nothing that could be too much. Nothing is read from any device. All mistakes are told
    together, with their lines; exit code 1 then, and when a bus would be asked for more than it can
    carry, or a --topic is taken by no route.
    """
    if adapter in KINDS or (adapter is None and is_routes(tag_map)):
        _check_routes(tag_map, thing, topics, others, as_json=as_json)
        return
    if topics:
        raise click.UsageError("--topic is for the routes of the MQTT bridge")
    try:
        kind = find_kind(adapter) if adapter else None
        found = read_tag_map(tag_map, kind=kind, thing=thing)
        maps = {str(tag_map): found, **{str(one): read_tag_map(one) for one in others}}
    except TagMapError as error:
        if as_json:
            print_json({"mistakes": [asdict(one) for one in error.mistakes]})
            raise click.exceptions.Exit(1) from None
        raise _complaint(tag_map, error) from error
    except GateError as error:
        raise TidectlError(str(error), "see --help") from error
    check_owners({path: _things(Path(path), one.kind, thing) for path, one in maps.items()})
    reports = _reports(tag_map, found, round_trip_ms, as_json=as_json)
    if as_json:
        print_json({"adapter": found.kind.name, "buses": reports})
    else:
        _show(found, reports)
    if any(report["overloaded"] for report in reports):
        raise click.exceptions.Exit(1)


def _check_routes(
    path: Path, gateway: str, topics: tuple[str, ...], others: tuple[Path, ...], *, as_json: bool
) -> None:
    for one in topics:
        check_topic(one)
    try:
        found = read_routes(path, gateway)
        maps = {str(one): _things(one, read_tag_map(one).kind, gateway) for one in others}
    except TagMapError as error:
        if as_json:
            print_json({"mistakes": [asdict(one) for one in error.mistakes]})
            raise click.exceptions.Exit(1) from None
        raise _complaint(path, error) from error
    check_owners({str(path): [found.thing], **maps})
    routes = found.broker.routes
    facts = route_facts(routes, found.thing)
    asked = [topic_facts(routes, one, found.thing) for one in topics]
    if as_json:
        broker = {"host": found.broker.host, "port": found.broker.port}
        print_json({"adapter": "mqtt_bridge", "broker": broker, "routes": facts, "topics": asked})
    else:
        _show_routes(found, facts, asked)
    if any(one["why"] for one in asked):
        raise click.exceptions.Exit(1)


def _show_routes(found: Routes, facts: list[dict[str, Any]], asked: list[dict[str, Any]]) -> None:
    broker = found.broker
    print_table(
        ("route", "takes", "format", "becomes thing / measurement"),
        [(one["route"], one["filter"], one["format"], one["becomes"]) for one in facts],
        f"broker {broker.host}:{broker.port}{', by TLS' if broker.ca else ''}",
    )
    for one in facts:
        if one["hidden"]:
            first = ", ".join(one["first"])
            say(escape(f"{one['route']} never takes anything: all its topics are of {first} first"))
        elif one["first"]:
            say(escape(f"{one['route']} takes what {', '.join(one['first'])} leaves it"))
    for one in asked:
        names = [one["thing"], one["measurement"], one["field"]]
        said = " / ".join(name for name in names if name)
        taken = f"by {one['route']}: " if one["route"] else ""
        say(escape(f"{one['topic']}: {taken}{one['why'] or said}"))
    say(f"sound: {len(facts)} routes")


def _things(path: Path, kind: AdapterKind, gateway: str) -> list[str]:
    """Return the things of a component with this map, as it names them itself."""
    own = f"{gateway}:{kind.name}"
    return [own, *(group.thing for group in read_tag_map(path, kind=kind, thing=own).groups)]


def _complaint(tag_map: Path, error: TagMapError) -> TidectlError:
    """Show each of several mistakes on a line of its own, and return what to end with."""
    lines = str(error).splitlines()
    if len(lines) == 1:
        return TidectlError(lines[0], "correct it and check again")
    for line in lines:
        say(escape(line))
    count = len(error.mistakes)
    return TidectlError(f"{tag_map.name} has {count} mistakes", "correct them and check again")


def _reports(
    path: Path, found: TagMap, round_trip_ms: float | None, *, as_json: bool
) -> list[dict[str, Any]]:
    """Return the report of each bus; settings that an adapter refuses are mistakes, too."""
    reports: list[dict[str, Any]] = []
    mistakes: list[Mistake] = []
    for bus in found.buses:
        try:
            reports.append(_report(found.kind, bus, round_trip_ms))
        except GateError as error:
            each = error.mistakes if isinstance(error, SettingsError) else [str(error)]
            mistakes += [Mistake(bus.file, bus.line, f"connection {bus.name}: {t}") for t in each]
    if mistakes and as_json:
        print_json({"mistakes": [asdict(one) for one in mistakes]})
        raise click.exceptions.Exit(1)
    if mistakes:
        raise _complaint(path, TagMapError(mistakes))
    return reports


def _report(kind: AdapterKind, bus: Bus, round_trip_ms: float | None) -> dict[str, Any]:
    """Return the plan of one bus, and its load where the protocol's can be predicted.

    Raises `GateError` for settings that can't be.
    """
    settings = dict(bus.settings)
    if round_trip_ms is not None and kind.name == "modbus":
        settings["round_trip_ms"] = round_trip_ms
    adapter = kind.make(settings)
    plans = {group: list(adapter.plan(group)) for group in bus.groups}
    report: dict[str, Any] = {
        "name": bus.name,
        "groups": [
            {
                "thing": group.thing, "measurement": group.measurement, "unit": group.unit,
                "period_ms": group.period_ms, "tags": len(group.tags), "requests": lines,
            }
            for group, lines in plans.items()
        ],
        "load": None,
        "overloaded": False,
    }  # fmt: skip
    if kind.name == "modbus":
        report |= modbus_load(bus, settings)
    elif kind.plans_requests:
        report |= asked_load(plans, round_trip_ms)
    return report


def _show(found: TagMap, reports: list[dict[str, Any]]) -> None:
    for report in reports:
        rows = [
            (
                group["measurement"] if not place else "",
                group["unit"] if not place else "",
                group["period_ms"] if not place else None,
                group["tags"] if not place else None,
                request,
            )
            for group in report["groups"]
            for place, request in enumerate(group["requests"])
        ]
        title = f"{found.kind.name}, connection {report['name']}"
        columns = ("measurement", "unit", "period ms", "tags", "request")
        print_table(columns, rows[:REQUESTS_SHOWN_MAX], title)
        if len(rows) > REQUESTS_SHOWN_MAX:
            say(f"and {len(rows) - REQUESTS_SHOWN_MAX} requests more: --json has them all")
        _show_load(report)
    groups = found.groups
    tags = sum(len(group.tags) for group in groups)
    say(f"sound: {tags:,} tags in {len(groups):,} groups on {len(found.buses)} connections")


def _show_load(report: dict[str, Any]) -> None:
    load = report["load"]
    if load is None:
        return
    busy = load["busy_percent"]
    size = f", {load['bytes_s']:,.0f} bytes/s" if load["bytes_s"] is not None else ""
    say(
        f"{load['requests_s']:,.1f} requests/s for {load['values_s']:,.1f} values/s{size};"
        f" the bus is busy {busy:.1f} % of the time if a device takes {load['round_trip_ms']:g} ms"
    )
    if report["overloaded"]:
        say("more than the bus can carry: longer periods, fewer tags, or a second connection")
    elif busy > 70:  # noqa: PLR2004  as BUSY_PERCENT_MAX, whose module is Modbus's own
        say("little room: what is late once will stay late for long")
