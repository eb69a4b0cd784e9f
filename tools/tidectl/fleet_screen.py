"""Show a fleet: its sums, and the boards to look at first, so that fifty fit on a screen."""

import sys
import time
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tidectl.fleet import FleetState, MemberState
from tidectl.output import err, print_json, say
from tidectl.watch import percentile

WORST_SHOWN = 8
_JSON_EVERY_S = 1.0
_LINE_EVERY_S = 5.0  # where there is no terminal
_COLORS = {"failed": "red", "offline": "red", "booting": "yellow", "online": "green"}


class FleetScreen:
    """A table that lives on a terminal; elsewhere a line now and then, or JSON lines if asked."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        is_live = sys.stderr.isatty() and not as_json
        self._live = Live(console=err, refresh_per_second=4) if is_live else None
        self._every_s = _JSON_EVERY_S if as_json else _LINE_EVERY_S
        self._began_s = self._told_s = time.monotonic()

    def __enter__(self) -> None:
        if self._live:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, state: FleetState, *, ending: bool = False) -> None:
        """Show where they are."""
        step = "ending: they send what they have" if ending else "Ctrl-C ends them in good order"
        if self._live:
            self._live.update(self._picture(state, step))
        elif time.monotonic() - self._told_s >= self._every_s:
            self._told_s = time.monotonic()
            if self._as_json:
                print_json({**self._document(state), "final": False})
            else:
                say(f"{self._ran_s():4.0f} s, {escape(summary(state))}")

    def finish(self, state: FleetState) -> None:
        """Show how it ended; for programs with each board."""
        if self._live:
            self._live.update(self._picture(state, "ended"), refresh=True)
        if self._as_json:
            members = [asdict(one) for one in state.members]
            print_json({**self._document(state), "final": True, "members": members})
        elif not self._live:
            say(f"{self._ran_s():4.0f} s, {escape(summary(state))}")

    def _ran_s(self) -> float:
        return time.monotonic() - self._began_s

    def _document(self, state: FleetState) -> dict[str, object]:
        connected_ms = [
            round(one.connected_after_s * 1_000)
            for one in state.members
            if one.connected_after_s is not None
        ]
        return {
            "seconds": round(self._ran_s(), 1),
            **state.document(),
            "connected_after_ms": {
                "p50": percentile(connected_ms, 50),
                "max": max(connected_ms, default=None),
            },
            "worst": [one.thing for one in state.worst(WORST_SHOWN)],
        }

    def _picture(self, state: FleetState, step: str) -> RenderableType:
        table = Table(header_style="bold", title_justify="left")
        table.add_column("board")
        table.add_column("is")
        for name in ("starts", "sampled", "acknowledged", "waiting", "dropped", "connects"):
            table.add_column(name, justify="right")
        for one in state.worst(WORST_SHOWN):
            table.add_row(*_row(one))
        rest = len(state.members) - WORST_SHOWN
        more = f"; {rest} more do no worse" if rest > 0 else ""
        line = Text(f"{self._ran_s():.0f} s, {step}{more}", style="dim")
        return Group(Text(summary(state), style="bold"), table, line)


def summary(state: FleetState) -> str:
    """Return a line of all boards."""
    states = ("online", "asleep", "offline", "booting", "to come", "ended", "failed")
    counts = ((state.count(name), name) for name in states)
    are = ", ".join(f"{count} {name}" for count, name in counts if count)
    dropped = state.total("dropped")
    return (
        f"{len(state.members)} boards: {are}; sampled {state.total('sampled')}, acknowledged "
        f"{state.total('acknowledged')}, waiting {state.total('queued_batches')} batches"
        + (f", dropped {dropped}" if dropped else "")
    )


def _row(one: MemberState) -> tuple[str | Text, ...]:
    numbers = (
        one.starts, one.sampled, one.acknowledged, one.queued_batches, one.dropped, one.connects
    )  # fmt: skip
    return one.thing, Text(one.state, _COLORS.get(one.state, "")), *map(str, numbers)
