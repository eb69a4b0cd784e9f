"""See what runs, what is deployed, which things report and what waits.

Flow: local process, CloudFormation, registry, store, flash images -> [status] -> table | JSON
What can't be looked at is told in `troubles`; the rest is worth having all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil
from botocore.exceptions import BotoCoreError, ClientError

from tidectl.backlog import Backlog, backlog
from tidectl.board_state import BoardState, board_state
from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.local_process import LocalFacts
from tidectl.query_api import QueryApi
from tidectl.registry import Registry
from tidectl.report import Report, reports
from tidectl.target import LOCAL, Target, outputs_of
from tidectl.thing import ThingFolder

_TROUBLES = (TidectlError, ClientError, BotoCoreError)
THINGS_MAX = 10_000  # of an account's registry: 40 calls


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """The local cloud's processes."""

    facts: LocalFacts
    started_at_ms: int
    memory_bytes: int  # its functions' processes included


@dataclass(frozen=True, slots=True)
class StackState:
    """The stack as CloudFormation has it."""

    status: str
    changed_at_ms: int
    engine: str
    outputs: Mapping[str, str]


@dataclass(slots=True)
class ThingState:
    """One thing: in the registry, on this machine, in the store."""

    thing: str
    site: str = ""  # where it is set up to be, else where its samples came from
    registered: bool | None = None  # None: nobody could be asked
    here: bool = False  # its files are on this machine
    board: BoardState | None = None
    reports: list[Report] = field(default_factory=list)


@dataclass(slots=True)
class Status:
    """What was seen."""

    target: str
    local: LocalCloud | None = None
    stack: StackState | None = None
    backlog: Backlog | None = None
    things: dict[str, ThingState] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)  # registered, not here, not in the store
    troubles: list[str] = field(default_factory=list)


def status_without_cloud(home: Home) -> Status:
    """Return what can be seen on this machine while the local cloud does not run."""
    return Status(LOCAL, things=_things_here(home, LOCAL))


def status_of(target: Target, home: Home, since_ms: int) -> Status:
    """Return the status of `target`; the store is asked for samples since `since_ms`."""
    status = Status(
        target.name,
        local=_local_cloud(target.local) if target.local else None,
        things=_things_here(home, target.name),
    )
    stack = target.stack()
    if stack is None:
        return status
    outputs = outputs_of(stack)
    status.stack = StackState(
        status=stack["StackStatus"],
        changed_at_ms=_epoch_ms(stack.get("LastUpdatedTime") or stack["CreationTime"]),
        engine=outputs.get("StoreEngine", ""),
        outputs=outputs,
    )
    if outputs:
        _look_into(status, target, outputs, since_ms)
    return status


def _look_into(status: Status, target: Target, outputs: Mapping[str, str], since_ms: int) -> None:
    try:
        status.backlog = backlog(target, outputs)
    except _TROUBLES as error:
        status.troubles.append(f"what waits can't be seen: {error}")
    try:
        for report in reports(QueryApi(target), since_ms):
            thing = status.things.setdefault(report.thing, ThingState(report.thing))
            thing.reports.append(report)
            thing.site = thing.site or " ".join(report.sites)
    except _TROUBLES as error:
        status.troubles.append(f"the store can't be asked: {error}")
    try:
        registered = Registry(target).things(THINGS_MAX)
    except _TROUBLES as error:
        status.troubles.append(f"the registry can't be asked: {error}")
        return
    if len(registered) == THINGS_MAX:
        status.troubles.append(f"only {THINGS_MAX} registered things were looked at")
    names = set(registered)
    for thing in status.things.values():
        thing.registered = thing.thing in names
    status.silent = sorted(names - status.things.keys())


def _things_here(home: Home, target: str) -> dict[str, ThingState]:
    things = {}
    for path in home.things():
        folder = ThingFolder(path)
        facts = folder.facts()
        if facts["target"] == target:
            things[folder.thing] = ThingState(
                folder.thing, facts["site"], here=True, board=board_state(folder.image_path)
            )
    return things


def _local_cloud(facts: LocalFacts) -> LocalCloud:
    try:
        process = psutil.Process(facts.pid)
        started_at_ms = int(process.create_time() * 1000)
        family = [process, *process.children(recursive=True)]
        memory_bytes = sum(_memory_bytes(member) for member in family)
    except psutil.Error as error:
        raise TidectlError("the local cloud is ending", "start it: tidectl up") from error
    return LocalCloud(facts, started_at_ms, memory_bytes)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _epoch_ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
