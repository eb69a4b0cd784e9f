"""A snapshot as Prometheus reads it.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterator, Sequence

from tidegate.status_page.snapshot import Snapshot, Table

_NOT_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
_FIRST_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def metrics_text(snapshot: Snapshot) -> str:
    """Return the text of `/metrics`; names begin with `tidegate_`."""
    return "\n".join(_lines(snapshot)) + "\n"


def _lines(snapshot: Snapshot) -> Iterator[str]:
    component = ("component", snapshot.title)
    up_s = (snapshot.now_ms - snapshot.started_at_ms) / 1000
    yield from _metric("uptime_seconds", "Time since the start.", [((component,), up_s)])
    if snapshot.fill is not None:
        yield from _metric("outbox_fill_ratio", "How full it is.", [((component,), snapshot.fill)])
    for what, found in (("queue", snapshot.queue), ("count", snapshot.counts)):
        for name, value in found.items():
            title = f"{what}_{_snake(name)}"
            yield from _metric(title, name.replace("_", " "), [((component,), value)])
    yield from _buses(snapshot, component)
    for table in snapshot.tables:
        yield from _table(table, component)
    values = [
        (
            (("thing", group.thing), ("measurement", group.measurement), ("field", one.name)),
            one.value,
        )
        for group in snapshot.groups
        for one in group.fields
        if isinstance(one.value, int | float)
    ]
    yield from _metric("value", "The newest value of a field.", values)
    ages = [
        (
            (("thing", group.thing), ("measurement", group.measurement)),
            (snapshot.now_ms - group.at_ms) / 1000,
        )
        for group in snapshot.groups
        if group.at_ms
    ]
    yield from _metric("sample_age_seconds", "Age of the newest sample.", ages)
    active = [((("alarm", str(one.get("alarm"))),), 1) for one in snapshot.alarms]
    yield from _metric("alarm", "An alarm that is not normal.", active)


def _buses(snapshot: Snapshot, component: tuple[str, str]) -> Iterator[str]:
    for name, about in (
        ("is_up", "Whether the bus is there."),
        ("busy_percent", "How busy the bus is."),
        ("polls", "Readings since the start."),
        ("failures", "Readings that failed."),
        ("overruns", "Readings that came too late to be made."),
    ):
        rows = [
            ((component, ("bus", bus.name)), float(getattr(bus, name))) for bus in snapshot.buses
        ]
        yield from _metric(f"bus_{name}", about, rows)


def _table(table: Table, component: tuple[str, str]) -> Iterator[str]:
    for place, column in enumerate(table.columns, len(table.labels)):
        rows = [
            (
                (component, *((label, str(row[n])) for n, label in enumerate(table.labels))),
                float(value),
            )
            for row in table.rows
            if isinstance(value := row[place], int | float)
        ]
        yield from _metric(f"{_snake(table.title)}_{_snake(column)}", f"{column}.", rows)


_Row = tuple[tuple[tuple[str, str], ...], float]


def _metric(name: str, about: str, rows: Sequence[_Row]) -> Iterator[str]:
    if not rows:
        return
    yield f"# HELP tidegate_{name} {about}"
    yield f"# TYPE tidegate_{name} gauge"
    for labels, value in rows:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"tidegate_{name}{{{inside}}} {_number(value)}"


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124  the one number that is not itself
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if isinstance(value, bool) else repr(value)


def _snake(name: str) -> str:
    return _NOT_A_NAME.sub("_", _FIRST_CAPITAL.sub(r"_\1", name)).lower()


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
