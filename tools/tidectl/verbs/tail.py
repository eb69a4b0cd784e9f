"""`tidectl tail`: follow the samples of a measurement as they arrive."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import click
from rich.markup import escape

from tidectl.arrivals import Arrivals
from tidectl.home import Home
from tidectl.ledger import Ledger
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import cell_text, say
from tidectl.query_api import QueryApi, StoreUnavailableError
from tidectl.target import find_target
from tidewire.errors import WireError
from tidewire.names import check_measurement

_POLL_S = 0.5
_FIRST = ("time", "site", "thing")
_HIDDEN = ("measure_name",)  # LiveAnalytics' own column


@click.command(
    epilog=examples(
        "tidectl tail climate",
        "tidectl tail climate --thing greenhouse-1 --seconds 60",
        "tidectl tail climate --json | jq .temperature_c",
    )
)
@click.argument("measurement")
@click.option("--thing", help="Of this thing only.")
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long.")
@json_option
@target_options
@pass_home
def command(
    home: Home,
    measurement: str,
    thing: str | None,
    seconds: float | None,
    as_json: bool,
    target: str,
    region: str | None,
) -> None:
    """Follow the samples of MEASUREMENT as they arrive, until Ctrl-C.

    Samples come in the order of their storing: those that a board sends late, after an outage,
    are shown when they come. With --json each sample is an object on a line of its own.
    """
    try:
        check_measurement(measurement)
    except WireError as error:
        raise click.BadParameter(str(error), param_hint="MEASUREMENT") from error
    api = QueryApi(find_target(target, home, region=region))
    if not as_json:
        _say_what_is_there(api, measurement)
    with suppress(KeyboardInterrupt):  # its ordinary end
        _follow(_samples(api, measurement, thing, seconds), as_json=as_json)


def _follow(rows: Iterator[dict[str, Any]], *, as_json: bool) -> None:
    shown: tuple[str, ...] = ()
    for row in rows:
        if as_json:
            click.echo(json.dumps(row, separators=(",", ":"), ensure_ascii=False))
            continue
        columns = tuple(name for name in row if name not in _FIRST)
        if columns != shown:
            shown = columns
            click.echo(_line([*_FIRST, *columns]))
        click.echo(_line([cell_text(row[name]) for name in (*_FIRST, *columns)]))


def _say_what_is_there(api: QueryApi, measurement: str) -> None:
    known = {name for _, name in Ledger(api).samples()}
    if measurement not in known:
        others = f"; there are {', '.join(sorted(known))}" if known else ""
        say(f"[yellow]nothing of {measurement} is stored yet[/]{others}; waiting")


def _samples(
    api: QueryApi, measurement: str, thing: str | None, seconds: float | None
) -> Iterator[dict[str, Any]]:
    arrivals = Arrivals(api, thing=thing)
    deadline = time.monotonic() + seconds if seconds else None
    while True:
        try:
            fresh = [entry for entry in arrivals.poll() if entry.measurement == measurement]
            for row in arrivals.rows(fresh):
                yield _ordered(row)
        except StoreUnavailableError as error:
            say(f"[yellow]waiting:[/] {escape(str(error))}")
        if deadline and time.monotonic() >= deadline:
            return
        time.sleep(_POLL_S)


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    """Return the sample with its keys first and without what it lacks."""
    first = {name: row.get(name) for name in _FIRST}
    return first | {
        name: value for name, value in row.items() if value is not None and name not in _HIDDEN
    }


def _line(cells: list[str]) -> str:
    time_text, *rest = cells
    return "  ".join([time_text.ljust(24), *(cell.ljust(16) for cell in rest)]).rstrip()
