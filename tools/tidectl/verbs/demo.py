"""`tidectl demo`: the whole line on this machine."""

import signal
import sys
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from tidectl.demo import EXAMPLE_SQL, Demo, Report, ThingState
from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home
from tidectl.output import cell_text, err, print_json, print_table, say

_LINE_EVERY_S = 5.0  # where there is no terminal
_NEWEST_MAX = 3  # fields of the newest sample that fit beside the counts
_BAR_WIDTH = 40
_UP_AGAIN = ("tidectl up", "the local cloud again, with all this in it")
_NEXT = (
    ('tidectl query "SHOW TABLES"', "what was measured"),
    ("tidectl provision greenhouse-1 --site farm", "a board of your own"),
    ("tidectl audit", "prove that nothing is lost"),
    ("tidectl deploy --target aws --dry-run", "what the same stack is on AWS"),
)


@click.command(
    epilog=examples(
        "tidectl demo",
        "tidectl demo --seconds 30 --json      # headless: one JSON object last",
        "tidectl demo --keep                   # leave the local cloud running to look around",
        "tidectl demo --gateway                # and a gateway that reads a simulated plant",
    )
)
@click.option(
    "--seconds", type=click.FloatRange(1, 86_400), default=30.0, show_default=True,
    help="Run the devices so long; Ctrl-C ends them earlier.",
)  # fmt: skip
@click.option("--keep", is_flag=True, help="Leave the local cloud running.")
@click.option("--gateway", is_flag=True, help="Add a simulated plant and a gateway that reads it.")
@json_option
@pass_home
def command(home: Home, seconds: float, keep: bool, gateway: bool, as_json: bool) -> None:
    """Run the whole line on this machine and watch it.

    Starts the local cloud, deploys the stack, provisions three boards that run the real firmware
    on MicroPython, and this machine's own sensors as a fourth thing. With --gateway there are a
    pump, a tank, a valve and a heater too, simulated, which the components of a gateway read over
    Modbus and OPC UA. At the end it tells what was sent, stored, lost and stored twice, and how
    long a sample took until a query returned it. Nothing is left running. Exit code 1 when
    anything was lost or doubled.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does
    with _Screen(seconds) as screen:
        demo = Demo(home, doing=screen.doing, show=screen.show, keep=keep, gateway=gateway)
        report = demo.run(seconds)
    if as_json:
        print_json(report.document())
    else:
        _tell(report, keep=keep)
    sys.exit(1 if report.lost or report.duplicated else 0)


class _Screen:
    """A table that lives on a terminal; elsewhere a line now and then. On standard error."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._live = Live(console=err, refresh_per_second=8) if sys.stderr.isatty() else None
        self._told_s = 0.0
        self._states: list[ThingState] = []
        self._ran_s = 0.0
        self._step = ""

    def __enter__(self) -> "_Screen":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._step = ""
            self._live.update(self._picture(), refresh=True)
            self._live.stop()

    def doing(self, step: str) -> None:
        """Tell the step that begins."""
        self._step = step
        if self._live:
            self._live.update(self._picture())
        else:
            say(step)

    def show(self, ran_s: float, states: list[ThingState]) -> None:
        """Show the things."""
        self._ran_s, self._states = ran_s, states
        if self._live:
            self._step = "running; Ctrl-C ends it early"
            self._live.update(self._picture())
        elif ran_s >= self._told_s:
            self._told_s += _LINE_EVERY_S
            counts = ", ".join(
                f"{s.thing} {'?' if s.sampled is None else s.sampled}/{s.queryable}" for s in states
            )
            say(f"{ran_s:3.0f} s, samples taken/queryable: {counts}")

    def _picture(self) -> RenderableType:
        parts: list[RenderableType] = []
        if self._states:
            parts.append(_things_table(self._states))
        line = Table.grid(padding=(0, 2))
        bar = ProgressBar(self._seconds, self._ran_s, width=_BAR_WIDTH)
        line.add_row(*((bar,) if self._states else ()), f"[dim]{self._step}[/]")
        return Group(*parts, line)


def _things_table(states: list[ThingState]) -> Table:
    table = Table(header_style="bold")
    table.add_column("thing")
    for name in ("sampled", "acknowledged", "queryable", "waiting"):
        table.add_column(name, justify="right")
    table.add_column("newest sample", no_wrap=True)
    for state in states:
        link = "" if state.connected else " [red]offline[/]"
        table.add_row(
            f"{state.thing}{link}",
            cell_text(state.sampled),
            cell_text(state.acknowledged),
            str(state.queryable),
            cell_text(state.queued_batches),
            _newest(state.newest),
        )
    return table


def _newest(sample: dict[str, Any]) -> str:
    fields = [
        f"{name} {cell_text(value)}"
        for name, value in sorted(sample.items())
        if name not in ("time", "site", "thing") and value is not None
    ]
    return ", ".join(fields[:_NEWEST_MAX])


def _tell(report: Report, *, keep: bool) -> None:
    document = report.document()
    rows = [(thing, c["sent"], c["stored"]) for thing, c in document["by_thing"].items()]
    rows.append(("all", document["samples_sent"], document["samples_stored"]))
    rows += [(thing, None, count) for thing, count in (report.gateway or {}).items()]
    print_table(("thing", "samples sent", "samples stored"), rows)
    latency = document["latency_ms"]
    print_table(
        ("", "count"),
        [
            ("samples lost", report.lost),
            ("samples stored twice", report.duplicated),
            ("records set aside", document["set_aside"]),
            ("ms from sample to queryable, half within", latency["p50"]),
            ("ms from sample to queryable, 99 % within", latency["p99"]),
        ],
    )
    if report.example:
        say("[bold]An example[/]")
        say(f'  tidectl query "{EXAMPLE_SQL}"')
        print_table(report.example.columns, report.example.rows)
    say("[bold]Where to go next[/]")
    for command_line, what in _NEXT if keep else (_UP_AGAIN, *_NEXT):
        say(f"  {command_line:<45} {what}")
