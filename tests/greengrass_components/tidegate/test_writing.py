"""Commands on a real bus worker with a device in memory: done once, in time, in range, checked."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.adapter import Deliver
from tidegate.bus_worker import BusWorker
from tidegate.command import Command, CommandError, Outcome, read_command
from tidegate.command_log import COMMANDS_MAX, CommandLog
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.sample import Sample, Value
from tidegate.tag import Tag
from tidegate.writing import UNDER_WAY_MAX, Writing

NOW_MS = 1_790_000_000_000
TAGS = (
    Tag(field="setpoint_c", address="1", scale=0.1, write_bounds=(5, 80)),
    Tag(field="run", address="2", write_bounds=(0, 1)),
    Tag(field="pulse", address="3", write_bounds=(0, 1), options={"verify": "no"}),
    Tag(field="level_m", address="4"),
    Tag(field="recipe", address="5", write_characters_max=8),
)


class Device:
    """Keeps what is written; slow, deaf or forgetful when told."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = {tag.field: 0 for tag in TAGS}
        self.written: list[tuple[str, Value]] = []
        self.refuses = self.forgets = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def connect(self) -> None:
        """It is there."""

    def plan(self, group: Group) -> Sequence[str]:
        return [group.measurement]

    async def poll(self, group: Group) -> Sample:
        await self.gate.wait()
        return Sample(group, NOW_MS * 1_000_000, 0, tuple(self.values.values()))

    async def subscribe(self, groups: Sequence[Group], deliver: Deliver) -> None:
        raise AssertionError(f"{len(groups)} groups are polled, not told by {deliver}")

    async def write(self, group: Group, tag: str, value: Value) -> None:
        assert group.tags == TAGS
        if self.refuses:
            raise GateError("illegal data value")
        self.written.append((tag, value))
        if not self.forgets:
            # A register of a tenth of a degree.
            self.values[tag] = round(float(value or 0), 1) if tag == "setpoint_c" else value

    async def close(self) -> None:
        """Nothing to let go of."""


class Bench:
    """A writing with its device, its clock and its audit records."""

    def __init__(self, path: Path, things: Sequence[str] = ("gw-1:heater",)) -> None:
        self.now_ms, self.thing = NOW_MS, things[0]
        self.acknowledged_at_ns: list[int] = []
        self.device, self.audit = Device(), list[tuple[str, dict[str, Value]]]()
        groups = [Group(thing=thing, measurement="heater", tags=TAGS) for thing in things]
        self.bus = BusWorker(name="tcp", adapter=self.device, groups=groups, deliver=lambda _: None)
        self.writing = Writing(
            [self.bus],
            CommandLog(path),
            lambda thing, _, __, facts: self.audit.append((thing, facts)),
            acknowledge=self._acknowledge, clock_ms=lambda: self.now_ms, sleep=self._sleep,
        )  # fmt: skip

    async def _sleep(self, delay_s: float) -> None:
        self.now_ms += round(delay_s * 1000)
        await asyncio.sleep(0)

    async def do(self, field: str, value: Value, key: str = "k1", **more: Any) -> Any:
        message = {
            "command": "write", "thing": self.thing, "measurement": "heater", "field": field,
            "value": value,
        }  # fmt: skip
        command = read_command(message | more, key=key, source="cloud", now_ms=self.now_ms)
        return await self.writing.do(command)

    async def acknowledge(self, alarm: str, key: str, **more: Any) -> Any:
        message = {
            "command": "acknowledge", "thing": self.thing, "measurement": "heater", "alarm": alarm,
        }  # fmt: skip
        command = read_command(message | more, key=key, source="cloud", now_ms=self.now_ms)
        return await self.writing.do(command)

    def _acknowledge(self, thing: str, measurement: str, alarm: str, at_ns: int) -> bool:
        if (thing, measurement, alarm) != (self.thing, "heater", "hot"):
            raise GateError(f"there is no alarm {alarm!r}")
        self.acknowledged_at_ns.append(at_ns)
        return len(self.acknowledged_at_ns) == 1


@asynccontextmanager
async def bench(path: Path, **options: Any) -> AsyncIterator[Bench]:
    made = Bench(path, **options)
    polling = asyncio.create_task(made.bus.run())
    while not made.bus.is_up:
        await asyncio.sleep(0)
    yield made
    made.device.gate.set()
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)


@in_loop
async def test_a_command_is_written_read_back_and_written_down(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        answer = await it.do("setpoint_c", 21.53)
        assert (answer.outcome, answer.before, answer.after) == (Outcome.DONE, 0, 21.5)
        ((thing, facts),) = it.audit
        assert thing == it.thing
        assert facts == {
            "key": "k1", "source": "cloud", "target": "heater/setpoint_c", "value": "21.53",
            "before": "0", "after": "21.5", "outcome": "done", "detail": "", "took_ms": 0,
        }  # fmt: skip


@in_loop
async def test_a_text_is_written_where_the_tag_map_allows_one(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        done = await it.do("recipe", "Grün 7 ")
        assert (done.outcome, done.after, it.device.written) == (
            Outcome.DONE, "Grün 7 ", [("recipe", "Grün 7 ")],
        )  # fmt: skip
        for key, (field, value, why) in enumerate(
            (
                ("recipe", "nine long", "recipe: 9 characters, and 8 at most"),
                ("recipe", 7, "recipe: 7 is no text"),
                ("recipe", "a\nb", "recipe: the text has characters that can't be shown"),
                ("level_m", "high", "the tag map has no write_characters_max for it"),
                ("setpoint_c", "50", "setpoint_c: '50' is no number or truth"),
            )
        ):
            refused = await it.do(field, value, key=f"refused-{key}")
            assert refused.outcome is Outcome.REFUSED
            assert why in refused.detail
        assert len(it.device.written) == 1


@in_loop
async def test_a_command_that_comes_again_is_not_done_again_not_even_after_a_restart(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path / "log") as it:
        first, second = await asyncio.gather(it.do("run", True), it.do("run", True))
        third = await it.do("run", True)
        assert [one.repeated for one in (first, second, third)] == [False, True, True]
        assert it.device.written == [("run", True)]
        assert len(it.audit) == 1
    async with bench(tmp_path / "log") as it:
        again = await it.do("run", True)
        assert (again.outcome, again.repeated, it.device.written) == (Outcome.DONE, True, [])


@in_loop
async def test_a_command_that_a_kill_cut_off_is_not_tried_again(tmp_path: Path) -> None:
    CommandLog(tmp_path / "log").begin("k1")
    async with bench(tmp_path / "log") as it:
        answer = await it.do("run", True)
        assert (answer.outcome, it.device.written) == (Outcome.UNKNOWN, [])


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("level_m", 1, "may not be written"),
        ("setpoint_c", 80.1, "not 5 to 80"),
        ("setpoint_c", float("nan"), "no number"),
        ("setpoint_c", "warm", "no number"),
        ("nothing", 1, "there is no heater/nothing here"),
    ],
)
@in_loop
async def test_what_is_not_allowed_never_reaches_the_device(
    tmp_path: Path, field: str, value: Value, why: str
) -> None:
    async with bench(tmp_path / "log") as it:
        answer = await it.do(field, value)
        assert (answer.outcome, why in answer.detail) == (Outcome.REFUSED, True)
        assert it.device.written == []
        assert it.audit[0][1]["outcome"] == "refused"
        assert (await it.do("run", True)).outcome is Outcome.DONE  # the key is still good


@in_loop
async def test_a_command_that_is_too_old_is_not_done(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        late = await it.do("run", True, key="a", issued_at_ms=NOW_MS - 30_000)
        assert late.outcome is Outcome.EXPIRED
        it.device.gate.clear()  # a unit that is slow to answer holds the bus
        doing = asyncio.create_task(it.do("run", True, key="b", ttl_ms=1_000))
        for _ in range(5):
            await asyncio.sleep(0)
        it.now_ms += 1_000
        it.device.gate.set()
        assert (await doing).outcome is Outcome.EXPIRED
        assert it.device.written == []


@in_loop
async def test_a_device_that_refuses_or_forgets_is_told_of(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        it.device.refuses = True
        failed = await it.do("run", True, key="a")
        assert (failed.outcome, failed.detail) == (Outcome.FAILED, "illegal data value")
        it.device.refuses, it.device.forgets = False, True
        forgot = await it.do("run", True, key="b")
        assert (forgot.outcome, forgot.after) == (Outcome.UNVERIFIED, 0)
        assert forgot.took_ms == 400  # it was looked at three times
        assert (await it.do("pulse", 1, key="c")).outcome is Outcome.DONE
        assert it.writing.outcomes[Outcome.DONE] == 1


@in_loop
async def test_the_thing_must_be_named_since_another_component_may_have_one_like_it(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path / "log", things=("gw-1:a", "gw-1:b")) as it:
        nameless = await it.do("run", True, key="a", thing="")
        assert (nameless.outcome, nameless.detail) == (
            Outcome.REFUSED, "name the thing: gw-1:a, gw-1:b",
        )  # fmt: skip
        assert it.device.written == []
        assert (await it.do("run", True, key="b", thing="gw-1:b")).outcome is Outcome.DONE
        assert it.audit[-1][0] == "gw-1:b"
        named = Command("k", "gw-2", "heater", "run", True, NOW_MS + 1, "local")
        assert not it.writing.concerns(named)


@in_loop
async def test_an_alarm_is_acknowledged_once_and_written_down(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        first, second = await it.acknowledge("hot", "a"), await it.acknowledge("hot", "b")
        assert (first.outcome, first.detail) == (Outcome.DONE, "")
        assert (second.outcome, second.detail) == (Outcome.DONE, "there was nothing to acknowledge")
        assert (await it.acknowledge("hot", "a")).repeated
        assert it.acknowledged_at_ns == [NOW_MS * 1_000_000] * 2
        assert (await it.acknowledge("cold", "c")).detail == "there is no alarm 'cold'"
        late = await it.acknowledge("hot", "d", issued_at_ms=NOW_MS - 30_000)
        assert late.outcome is Outcome.EXPIRED
        assert [facts["target"] for _, facts in it.audit][:2] == ["heater/hot"] * 2
        assert it.device.written == []


@in_loop
async def test_more_commands_than_a_bus_can_do_are_refused(tmp_path: Path) -> None:
    async with bench(tmp_path / "log") as it:
        it.device.gate.clear()
        doing = [
            asyncio.create_task(it.do("run", True, key=str(number)))
            for number in range(UNDER_WAY_MAX + 1)
        ]
        for _ in range(5):
            await asyncio.sleep(0)
        it.device.gate.set()
        outcomes = [(await one).outcome for one in doing]
        assert outcomes.count(Outcome.REFUSED) == 1
        assert outcomes.count(Outcome.DONE) == UNDER_WAY_MAX


def test_the_log_keeps_the_newest_and_passes_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = CommandLog(path)
    for number in range(COMMANDS_MAX + 3):
        log.begin(str(number))
    assert log.find("0") is None
    path.write_bytes(path.read_bytes() + b'{"key": "torn"')
    again = CommandLog(path)
    assert again.find(str(COMMANDS_MAX))
    assert again.find("torn") is None
    assert len(path.read_bytes().splitlines()) == COMMANDS_MAX


messages = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)


@given(st.binary(max_size=50) | messages.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_are_a_command_or_a_clear_refusal(data: bytes) -> None:
    with pytest.raises(CommandError):
        read_command(data, key="k", source="local", now_ms=NOW_MS)


@pytest.mark.parametrize(
    "wrong",
    [{"ttl_ms": 0}, {"ttl_ms": True}, {"issued_at_ms": "now"}, {"value": None}, {"value": []},
     {"field": 1}, {"key": "x" * 129}, {"key": ""}, {"speed": 1}, {"command": "read"},
     {"command": "acknowledge"}, {"command": []}],
)  # fmt: skip
def test_a_command_with_a_mistake_is_refused(wrong: dict[str, Any]) -> None:
    good = {"command": "write", "measurement": "heater", "field": "run", "value": True}
    assert read_command(good, key="k", source="local", now_ms=NOW_MS).key == "k"
    with pytest.raises(CommandError):
        read_command(good | wrong, key="k", source="local", now_ms=NOW_MS)
