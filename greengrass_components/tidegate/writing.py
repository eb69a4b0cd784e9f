"""Do commands: values written if allowed, in range, in time, once, read back and written down.

Flow: command -> [writing] -> bus (before the next reading) -> audit record -> outbox
Bounded: `UNDER_WAY_MAX` commands at once, further ones are refused. A tag may be written only if
the tag map gives it `write_low` and `write_high`, or `write_characters_max` where it is a text. A
command names its thing: another component of the gateway may have a measurement of that name, and
would write, too. Every command leaves an audit record, a row of the measurement `command`, whatever
became of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from tidegate.bus_listener import AnyBus
from tidegate.command import Answer, Command, Outcome
from tidegate.command_log import CommandLog
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.sample import Value
from tidegate.tag import Tag

log = logging.getLogger("tidegate.writing")

MEASUREMENT = "command"
UNDER_WAY_MAX = 32
VERIFY_TRIES = 3
VERIFY_PAUSE_S = 0.2  # a device may take a moment to show what it was told
_EXACT = 1e-6  # relative: what a 32-bit float loses

Audit = Callable[[str, str, int, dict[str, Value]], None]
Acknowledge = Callable[[str, str, str, int], bool]  # thing, measurement, alarm, instant in ns


class _RefusedError(GateError):
    """Why a command is not done at all."""


@dataclass(frozen=True, slots=True)
class _Place:
    bus: AnyBus
    group: Group
    tag: Tag


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _no_alarms(thing: str, measurement: str, _alarm: str, _at_ns: int) -> bool:
    raise GateError(f"{thing} has no alarms of {measurement} here")


class Writing:
    """Does commands on `buses`; `audit(thing, measurement, at_ms, facts)` keeps a row.

    `acknowledge` returns whether the alarm had not been acknowledged, and raises `GateError` where
    there is no such alarm.
    """

    def __init__(
        self,
        buses: Sequence[AnyBus],
        command_log: CommandLog,
        audit: Audit,
        *,
        acknowledge: Acknowledge = _no_alarms,
        clock_ms: Callable[[], int] = _now_ms,
        sleep: Callable[[float], "asyncio.Future[None]"] | None = None,
    ) -> None:
        self._buses, self._acknowledge = tuple(buses), acknowledge
        self._things = sorted({group.thing for bus in buses for group in bus.groups})
        self._log, self._audit, self._clock_ms = command_log, audit, clock_ms
        self._sleep = sleep or asyncio.sleep
        self._under_way: dict[str, asyncio.Future[Answer]] = {}
        self.outcomes: dict[Outcome, int] = dict.fromkeys(Outcome, 0)

    async def do(self, command: Command) -> Answer:
        """Return what became of `command`; one that was done before is not done again."""
        if running := self._under_way.get(command.key):
            return replace(await asyncio.shield(running), repeated=True)
        if known := self._log.find(command.key):
            return replace(known, repeated=True)
        began_ms = self._clock_ms()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        is_full = len(self._under_way) >= UNDER_WAY_MAX
        self._under_way[command.key] = future
        try:
            answer = await self._outcome_of(command, is_full=is_full)
            answer = replace(answer, took_ms=self._clock_ms() - began_ms)
            self._keep(command, answer)
            future.set_result(answer)
        except BaseException:
            future.cancel()
            raise
        finally:
            del self._under_way[command.key]
        return answer

    def concerns(self, command: Command) -> bool:
        """Whether the command names a thing of these buses, or none."""
        return command.thing == "" or command.thing in self._things

    def refuse(self, key: str, source: str, why: str) -> Answer:
        """Keep the audit record of a message that is no command."""
        answer = Answer(key, Outcome.REFUSED, why)
        self._keep(Command(key, "", "", "", None, 0, source), answer)
        return answer

    async def _outcome_of(self, command: Command, *, is_full: bool) -> Answer:
        try:
            if is_full:
                raise _RefusedError(f"{UNDER_WAY_MAX} commands are under way")
            if not command.thing:
                raise _RefusedError(f"name the thing: {', '.join(self._things)}")
            if command.acknowledges:
                return self._late(command) or self._acknowledged(command)
            place = self._place_of(command)
            value = _allowed(place.tag, command.value)
        except _RefusedError as error:
            return Answer(command.key, Outcome.REFUSED, str(error))
        return self._late(command) or await self._written(command, place, value)

    def _late(self, command: Command) -> Answer | None:
        late_ms = self._clock_ms() - command.expires_at_ms
        if late_ms < 0:
            return None
        return Answer(command.key, Outcome.EXPIRED, f"{late_ms} ms too late")

    def _acknowledged(self, command: Command) -> Answer:
        at_ns = self._clock_ms() * 1_000_000
        try:
            news = self._acknowledge(command.thing, command.measurement, command.field, at_ns)
        except GateError as error:
            raise _RefusedError(str(error)) from error
        return Answer(command.key, Outcome.DONE, "" if news else "there was nothing to acknowledge")

    async def _written(self, command: Command, place: _Place, value: Value) -> Answer:
        """Write, with a note on the disk that it is being done."""
        try:
            self._log.begin(command.key)
        except GateError as error:
            return Answer(command.key, Outcome.FAILED, str(error))
        before = await _value_of(place)
        if self._clock_ms() >= command.expires_at_ms:
            return Answer(command.key, Outcome.EXPIRED, "the bus was busy for too long")
        try:
            await place.bus.write(place.group, place.tag.field, value)
        except (GateError, OSError) as error:
            return Answer(command.key, Outcome.FAILED, str(error), before)
        if place.tag.options.get("verify") == "no":
            return Answer(command.key, Outcome.DONE, "not read back", before)
        return await self._verified(command, place, before)

    async def _verified(self, command: Command, place: _Place, before: Value) -> Answer:
        after: Value = None
        for number in range(VERIFY_TRIES):
            after = await _value_of(place)
            if _same(place.tag, command.value, after):
                return Answer(command.key, Outcome.DONE, "", before, after)
            if number + 1 < VERIFY_TRIES:
                await self._sleep(VERIFY_PAUSE_S)
        why = "it can't be read back" if after is None else "it reads back as another value"
        return Answer(command.key, Outcome.UNVERIFIED, why, before, after)

    def _place_of(self, command: Command) -> _Place:
        found = [
            _Place(bus, group, tag)
            for bus in self._buses
            for group in bus.groups
            if (group.thing, group.measurement) == (command.thing, command.measurement)
            for tag in group.tags
            if tag.field == command.field
        ]
        if not found:
            raise _RefusedError(f"there is no {command.measurement}/{command.field} here")
        return found[0]

    def _keep(self, command: Command, answer: Answer) -> None:
        self.outcomes[answer.outcome] += 1
        log.info(
            "command key=%s %s/%s outcome=%s source=%s",
            command.key, command.measurement, command.field, answer.outcome.value, command.source,
        )  # fmt: skip
        self._audit(command.thing, MEASUREMENT, self._clock_ms(), audit_facts(command, answer))
        if answer.outcome is not Outcome.REFUSED:  # which it may be for now only
            try:
                self._log.end(answer)
            except GateError as error:
                log.error("answer not kept: %s", error)


def audit_facts(command: Command, answer: Answer) -> dict[str, Value]:
    """Return the fields of an audit record; values as texts, since each tag has its own type."""
    shown: Mapping[str, Value] = {
        "value": command.value, "before": answer.before, "after": answer.after,
    }  # fmt: skip
    return {
        "key": command.key,
        "source": command.source,
        "target": f"{command.measurement}/{command.field}",
        **{name: None if value is None else str(value) for name, value in shown.items()},
        "outcome": answer.outcome.value,
        "detail": answer.detail[:500],
        "took_ms": answer.took_ms,
    }


async def _value_of(place: _Place) -> Value:
    try:
        sample = await place.bus.read(place.group)
    except (GateError, OSError):
        return None
    return sample.values[place.group.tags.index(place.tag)]


def _allowed(tag: Tag, value: Value) -> Value:
    """Return `value` if it may be written into `tag`; raises `_RefusedError`."""
    if tag.write_characters_max:
        return _allowed_text(tag, value)
    if tag.write_bounds is None:
        key = "write_characters_max" if isinstance(value, str) else "write_low"
        raise _RefusedError(f"{tag.field} may not be written: the tag map has no {key} for it")
    low, high = tag.write_bounds
    if isinstance(value, str) or value is None or not isfinite(value):
        raise _RefusedError(f"{tag.field}: {value!r} is no number or truth")
    if not low <= value <= high:
        raise _RefusedError(f"{tag.field}: {value} is not {low} to {high}")
    return value


def _allowed_text(tag: Tag, value: Value) -> str:
    if not isinstance(value, str):
        raise _RefusedError(f"{tag.field}: {value!r} is no text")
    if len(value) > tag.write_characters_max:
        most = tag.write_characters_max
        raise _RefusedError(f"{tag.field}: {len(value)} characters, and {most} at most")
    if not value.isprintable():
        raise _RefusedError(f"{tag.field}: the text has characters that can't be shown")
    return value


def _same(tag: Tag, wanted: Value, found: Value) -> bool:
    if isinstance(wanted, str) and isinstance(found, str):
        return wanted.rstrip() == found.rstrip()  # a field of fixed width is filled with blanks
    if isinstance(wanted, str) or wanted is None or isinstance(found, str) or found is None:
        return wanted == found
    half_step = abs(tag.scale) / 2 if tag.is_scaled else 0.0
    return abs(found - wanted) <= max(half_step, _EXACT * abs(wanted))
