"""Many simulated boards on one machine: made or found, started one after another, ended together.

Flow: things -> [fleet] -> board runs -> broker; and how they do, as one state
Bounded: COUNT_MAX boards, each a process of some MB and two threads here.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidectl.board_run import END_S_MAX, BoardRun
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.registry import Registry
from tidectl.simulated_board import DRAIN_TIMEOUT_MS, BoardError, BoardStats, SimulatedBoard
from tidectl.target import Target
from tidectl.thing import ThingFolder, provision

COUNT_MAX = 200  # more than two cores keep in time
START_EVERY_S = 0.2  # a start, with its handshake, takes about so much of one core
_WAIT_S = 0.05


@dataclass(frozen=True, slots=True)
class MemberState:
    """Where one board is; counts are of samples since the fleet began, except where named."""

    thing: str
    state: str  # to come, booting, offline, online, asleep, ended or failed
    starts: int
    sampled: int
    accepted: int
    acknowledged: int
    queued_batches: int
    dropped: int
    connects: int
    connected_after_s: float | None  # from its first start to the first line that says so
    failure: str = ""


@dataclass(frozen=True, slots=True)
class FleetState:
    """Where all of them are."""

    members: tuple[MemberState, ...]

    def count(self, *states: str) -> int:
        """Return how many boards are in one of `states`."""
        return sum(one.state in states for one in self.members)

    def total(self, name: str) -> int:
        """Return the sum of one count."""
        return sum(int(getattr(one, name)) for one in self.members)

    def worst(self, count: int) -> list[MemberState]:
        """Return the boards to look at first: failed, not connected, losing, behind."""
        return sorted(self.members, key=_severity)[:count]

    def document(self) -> dict[str, Any]:
        """Return the totals for programs."""
        counts = ("sampled", "accepted", "acknowledged", "queued_batches", "dropped", "connects")
        states = ("online", "asleep", "offline", "booting", "to come", "ended", "failed")
        return {
            "boards": len(self.members),
            **{state.replace(" ", "_"): self.count(state) for state in states},
            **{name: self.total(name) for name in counts},
        }


def names_of(prefix: str, count: int) -> list[str]:
    """Return the things' names; those of a smaller fleet are the first of a larger one."""
    return [f"{prefix}-{number:02d}" for number in range(1, count + 1)]


def find_or_provision(
    target: Target,
    home: Home,
    names: Sequence[str],
    *,
    site: str | None = None,
    settings: Mapping[str, Any] | None = None,
    at: Callable[[int, str], None] = lambda _done, _thing: None,
) -> tuple[list[ThingFolder], int]:
    """Return the folders of the things, and how many of them were made now.

    A thing that is here and as wanted stays what it is. One that the cloud has forgotten, or that
    was made for another site or with other settings, is made anew and keeps what waits on its
    flash. Raises `TidectlError`.
    """
    registry, broker = Registry(target), target.broker()
    wanted: dict[str, Any] = {
        "broker": {"host": broker.host, "port": broker.port},
        **({"site": site} if site else {}),
        **(settings or {}),
    }
    folders, made = [], 0
    for done, name in enumerate(names):
        at(done, name)
        folder = ThingFolder(home.thing_folder(name))
        is_here = (folder.path / "thing.json").exists()
        if is_here and not folder.image_path.exists():
            raise TidectlError(f"{name} is no board: it has no flash image", "take another name")
        if not (
            is_here
            and wanted.items() <= folder.config().items()
            and (
                folder.identity_on_board
                or folder.facts()["certificate_arn"] in registry.certificates(name)
            )
        ):
            provision(target, home, name, site=site, settings=settings, rotate=is_here)
            made += 1
        folders.append(folder)
    return folders, made


class Fleet:
    """Boards of the things in `folders`, none of which is started yet.

    The weather of each is of `seed` and its number; `sleep_divisor` is as BoardRun has it,
    `drain_timeout_ms` as SimulatedBoard has it.
    """

    def __init__(
        self,
        folders: Sequence[ThingFolder],
        *,
        seed: int = 0,
        sleep_divisor: float = 1.0,
        drain_timeout_ms: int = DRAIN_TIMEOUT_MS,
    ) -> None:
        self._members = [
            _Member(folder, seed + number, sleep_divisor, drain_timeout_ms)
            for number, folder in enumerate(folders)
        ]
        self._started = 0

    @property
    def started(self) -> bool:
        """Whether all of them were started."""
        return self._started == len(self._members)

    @property
    def running(self) -> bool:
        """Whether any of them goes on."""
        return any(member.run.running for member in self._members[: self._started])

    def start_next(self) -> None:
        """Start one more; one that can't be is `failed`, and stops no other."""
        self._members[self._started].start()
        self._started += 1

    def state(self) -> FleetState:
        """Return where they are now."""
        return FleetState(tuple(member.state() for member in self._members))

    def pids(self) -> list[int]:
        """Return the processes of those that are awake."""
        return [member.board.pid for member in self._members if member.board.running]

    def end(self) -> None:
        """Ask all at once to send what they have and end."""
        for member in self._members[: self._started]:
            member.run.end()

    def cut(self) -> None:
        """Cut the power of all."""
        for member in self._members[: self._started]:
            member.run.cut()

    def wait_until_ended(self, timeout_s: float = END_S_MAX) -> Iterator[FleetState]:
        """Yield states until all have ended; cuts the power of those that take too long."""
        deadline = time.monotonic() + timeout_s
        while self.running:
            yield self.state()
            if time.monotonic() >= deadline:
                self.cut()
            time.sleep(_WAIT_S)


class _Member:
    """One of them."""

    def __init__(
        self, folder: ThingFolder, seed: int, sleep_divisor: float, drain_timeout_ms: int
    ) -> None:
        self._thing = folder.thing
        self._failure = ""
        self._started_s: float | None = None
        self._connected_after_s: float | None = None
        self.board = SimulatedBoard(
            folder.image_path,
            log_path=folder.log_path,
            seed=seed,
            drain_timeout_ms=drain_timeout_ms,
            on_stats=self._note,
        )
        self.run = BoardRun(self.board, folder.image_path, sleep_divisor=sleep_divisor)

    def start(self) -> None:
        self._started_s = time.monotonic()
        try:
            self.run.start()
        except BoardError as error:
            self._failure = str(error)

    def state(self) -> MemberState:
        stats, totals = self.run.stats, self.run.totals
        failure = self._failure or self.run.failure
        return MemberState(
            thing=self._thing,
            state="failed" if failure else self._way(stats),
            starts=self.run.starts,
            sampled=totals.sampled,
            accepted=totals.accepted,
            acknowledged=totals.acknowledged,
            queued_batches=stats.queued_batches if stats else 0,
            dropped=stats.dropped if stats else 0,
            connects=totals.connects,
            connected_after_s=self._connected_after_s,
            failure=failure,
        )

    def _way(self, stats: BoardStats | None) -> str:
        if self._started_s is None:
            return "to come"
        if not self.run.running:
            return "ended"
        if self.run.asleep:
            return "asleep"
        if stats is None:
            return "booting"
        return "online" if stats.connected else "offline"

    def _note(self, stats: BoardStats) -> None:
        if stats.connects and self._connected_after_s is None and self._started_s is not None:
            self._connected_after_s = time.monotonic() - self._started_s


def _severity(one: MemberState) -> tuple[int, int, int, str]:
    order = ("failed", "offline", "booting")
    place = order.index(one.state) if one.state in order else len(order)
    return place, -one.dropped, -one.queued_batches, one.thing
