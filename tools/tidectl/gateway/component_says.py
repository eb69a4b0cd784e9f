"""What a component says of a configuration that it has just got, from its log.

Ours say that they have taken it, or that it stays as it was and why; one that was started anew
for it either runs on or ends.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from tidectl.gateway.local_nucleus import LocalNucleus
from tidectl.gateway.log_file import last_lines
from tidegate.nucleus.component import BROKEN, ERRORED

REFUSED = "configuration stays as it was: "
TAKEN = "configuration read again"
WAITS = ("of the next start", "waits for the next start")
SAYS_S_MAX = 4.0  # half a second until a component looks, and some for a slow machine
STANDS_S = 1.5  # what a component runs that finds nothing wrong at its start
LINES_BACK = 200  # of a log, where the last error is looked for
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Said:
    """`refused` has what it does not take; `is_taken` is None where it said nothing."""

    is_taken: bool | None
    refused: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class ComponentSays:
    """Listens to the component `name` from now on; ask it after the change."""

    def __init__(self, local: LocalNucleus, name: str) -> None:
        self._local, self._name = local, name
        self._path = local.component_log(name)
        self._offset = _size(self._path)
        self._starts = self._facts()["starts"]

    def hear(self, within_s: float = SAYS_S_MAX) -> Said:
        """Return what it says, at the latest after `within_s`."""
        deadline = time.monotonic() + within_s
        while True:
            lines = self._lines()
            facts = self._facts()
            if facts["state"] in (ERRORED, BROKEN):
                errors = [_said(line, " ERROR ") for line in lines if " ERROR " in line]
                return Said(False, tuple(errors) or (facts["reason"],))
            refused = tuple(_behind(line, REFUSED) for line in lines if REFUSED in line)
            waiting = tuple(
                _said(line, " WARNING ") for line in lines if any(one in line for one in WAITS)
            )
            if refused:
                return Said(False, refused)
            if any(TAKEN in line for line in lines):
                return Said(True, waiting=waiting)
            if time.monotonic() > deadline:
                runs_anew = facts["starts"] != self._starts and facts["state"] == "RUNNING"
                return Said(True if runs_anew else None, waiting=waiting)
            time.sleep(_POLL_S)

    def _facts(self) -> dict[str, str]:
        found = (one for one in self._local.components() if one["componentName"] == self._name)
        return next(found, {"state": "", "starts": "", "reason": "it is gone"})

    def _lines(self) -> list[str]:
        if _size(self._path) < self._offset:
            self._offset = 0  # it was turned over
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                return file.read().decode(errors="replace").splitlines()
        except FileNotFoundError:
            return []


def troubles(local: LocalNucleus) -> list[str]:
    """Return a line for each component that did not stay up: its last error, and where to look."""
    found = []
    for one in local.components():
        if one["state"] not in (ERRORED, BROKEN):
            continue
        name = one["componentName"]
        lines = last_lines(local.component_log(name), LINES_BACK)
        errors = [_said(line, " ERROR ") for line in lines if " ERROR " in line]
        why = errors[-1] if errors else one["reason"]
        found.append(f"{name} is {one['state']}: {why}; more: tidectl gateway logs {name}")
    return found


def wait_until_steady(local: LocalNucleus, within_s: float = STANDS_S) -> None:
    """Return when the components have run for a while, or one has ended with an error."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if any(one["state"] in (ERRORED, BROKEN) for one in local.components()):
            return
        time.sleep(_POLL_S)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _said(line: str, level: str) -> str:
    """Return what stands behind the level and the name of the logger."""
    return _behind(line, level).partition(" ")[2]


def _behind(line: str, mark: str) -> str:
    return line.partition(mark)[2] or line
