"""What the dispatcher keeps, drops and asks again, whatever comes at once."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tidenode.control import dispatcher
from tidenode.control.dispatcher import MESSAGES_MAX, Control

THINGS = "$aws/things/board-1/"
NEXT = f"{THINGS}jobs/start-next"


class Line:
    """A talk that is up or down; `asked` are the questions for a job that were sent."""

    def __init__(self) -> None:
        self.up = True
        self.now_ms = self.asked = 0
        self.began: Callable[[], None] = lambda: None
        self.hear: Callable[[str, memoryview | None], None] = lambda _topic, _payload: None

    def subscribe(self, _topic_filter: str, handler: Any) -> None:
        self.hear = handler

    def publish(self, topic: str, _payload: str) -> bool:
        self.asked += self.up and topic == NEXT
        return self.up

    def say(self, topic: str, payload: object = None) -> None:
        """Have the board hear `payload` on `topic`."""
        self.hear(topic, memoryview(json.dumps(payload).encode()))


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def control(line: Line) -> Control:
    nothing: Any = SimpleNamespace()
    control = Control(
        thing="board-1",
        boot=1,
        talk=line,  # type: ignore[arg-type]  # of the real one a connection needs a broker
        clock=SimpleNamespace(monotonic_ms=lambda: line.now_ms),  # type: ignore[arg-type]  # all it is asked
        uplink=nothing,
        samplers=(),
        limits=nothing,
        on_trial=False,
        warn=lambda _message: None,
    )
    facts = SimpleNamespace(alone=False, proving=False)
    control.agent = facts  # type: ignore[assignment]  # all it is asked
    return control


def waiting(control: Control) -> list[str]:
    """Return the topics of what waits to be handled."""
    return [topic for topic, _ in control._messages]


def test_answers_about_jobs_and_settings_are_kept_however_many_commands_wait(
    control: Control, line: Line
) -> None:
    for number in range(MESSAGES_MAX + 3):
        line.say(f"cmd/tidegauge/board-1/{number}", {"command": "ping"})
    for topic in (f"{NEXT}/accepted", f"{THINGS}jobs/notify-next",
                  f"{THINGS}shadow/name/config/update/delta"):  # fmt: skip
        line.say(topic)
    assert control.dropped == 3
    assert len(waiting(control)) == MESSAGES_MAX + 3
    assert f"{NEXT}/accepted" in waiting(control)


def test_of_each_other_topic_the_newest_message_waits_and_strange_ones_do_not(
    control: Control, line: Line
) -> None:
    for number in range(50):
        line.say(f"{THINGS}shadow/name/config/update/delta", number)
        line.say(f"{THINGS}jobs/{number}/get/accepted", number)
        line.say(f"{THINGS}jobs/notify", number)
    assert waiting(control) == [f"{THINGS}shadow/name/config/update/delta"]
    assert control._messages[0][1] == b"49"


def test_a_question_that_could_not_be_sent_is_asked_at_the_next_chance(
    control: Control, line: Line
) -> None:
    line.up = False
    control._ask_for_job()
    line.up = True
    control._ask_for_job()
    assert line.asked == 1
    control._ask_for_job()
    assert line.asked == 1, "an answer is on its way"


def test_a_question_that_was_lost_is_asked_again_when_there_is_news(
    control: Control, line: Line
) -> None:
    for now_ms, asked in ((0, 1), (dispatcher.ANSWER_MS_MAX, 1), (dispatcher.ANSWER_MS_MAX + 1, 2)):
        line.now_ms = now_ms
        asyncio.run(control._handle(f"{THINGS}jobs/notify-next", b"{}"))
        assert line.asked == asked


def test_a_refused_question_is_asked_again(
    control: Control, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "REJECTED_S", 0)
    control._ask_for_job()

    async def answer() -> None:
        running = asyncio.create_task(control.run())
        line.say(f"{NEXT}/rejected", {"code": "Throttled"})
        while line.asked < 2:
            await asyncio.sleep(0)
        running.cancel()

    asyncio.run(asyncio.wait_for(answer(), 10))
    assert line.asked == 2


@pytest.mark.parametrize("alone", [False, True])
def test_a_board_that_left_its_sensors_out_for_an_update_that_is_over_starts_anew(
    control: Control, line: Line, alone: bool
) -> None:
    restarts = []

    async def restart() -> None:
        restarts.append(True)

    control.restart = restart  # type: ignore[method-assign]  # it would end the board
    control.agent.alone = alone
    control._ask_for_job()
    asyncio.run(control._hear_of_job(True, b"{}"))  # no job is next
    assert bool(restarts) is alone
    assert line.asked == 1


def test_a_version_that_has_yet_to_prove_itself_takes_no_job(control: Control, line: Line) -> None:
    control.agent.proving = True
    control.job_ended()
    assert line.asked == 0
    control.agent.proving = False
    control.job_ended()
    assert line.asked == 1
