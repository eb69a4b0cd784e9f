"""Hand each message of the cloud to the module that knows it, which is loaded for it alone.

Flow: talk -> [dispatcher] -> desired | jobs | commands | reported
Bounded: MESSAGES_MAX commands wait, another is dropped and counted: who sent it asks again. Of
each other topic the newest message waits, so that none of these is ever dropped. One job at a time.
"""

import asyncio
import gc
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tidenode.agent import Agent
    from tidenode.clock import Clock
    from tidenode.sampler import Sampler
    from tidenode.talk import Talk
    from tidenode.uplink import Uplink

MESSAGES_MAX = 4
ANSWER_MS_MAX = 10_000  # what takes longer to be answered was lost
REJECTED_S = 5  # until a job is asked for again: AWS IoT may throttle
LAST_WORDS_MS_MAX = 2_000  # for what waits to be sent before a restart
_HEARD = ("/delta", "/notify-next", "/start-next/accepted", "/start-next/rejected")


class Control:
    """Wired by `tidenode.app`, which sets `agent`; `limits` is the section `control`."""

    def __init__(
        self,
        *,
        thing: str,
        boot: int,
        talk: "Talk",
        clock: "Clock",
        uplink: "Uplink",
        samplers: "Sequence[Sampler]",
        limits: "Any",
        on_trial: bool,
        warn: "Callable[[str], None]",
    ) -> None:
        self.agent: Agent
        self.boot, self.talk, self.clock = boot, talk, clock
        self.uplink, self.samplers = uplink, samplers
        self.on_trial = on_trial
        self.dropped = 0
        self.told = False  # whether this start has reported all its settings
        self.job: Any = None  # the one that runs
        self.things = "$aws/things/%s/" % thing
        self.warn = warn
        self._asked_at_ms: int | None = None  # for a job
        self.limits = limits
        self._messages: list[tuple[str, bytes | None]] = []
        self._woken = asyncio.Event()
        talk.began = self.begin
        hear = self._hear
        talk.subscribe(self.things + "jobs/#", hear)
        talk.subscribe(self.things + "shadow/name/config/update/delta", hear)
        talk.subscribe("cmd/tidegauge/%s/+" % thing, hear)

    async def run(self) -> None:
        """Answer until cancelled."""
        trial = None
        if self.on_trial:
            trial = asyncio.create_task(self.load("control.trial_watch").watch(self))
        try:
            while True:
                self._woken.clear()
                if self._messages:
                    await self._handle(*self._messages.pop(0))
                else:
                    await self._woken.wait()
        finally:
            for task in (trial, self.job and self.job.task):
                if task:
                    task.cancel()

    async def restart(self) -> None:
        """Send what waits, then start the board anew."""
        await self.talk.sent(LAST_WORDS_MS_MAX)
        self.agent.restart()

    def load(self, name: str) -> "Any":
        """Return the module `tidenode.<name>`. Raises ImportError."""
        gc.collect()
        __import__("tidenode." + name)
        return sys.modules["tidenode." + name]

    def forget(self) -> None:
        """Give back the heap of all modules that were loaded for a message."""
        for name in list(sys.modules):
            parts = name.split(".")
            package = ".".join(parts[:2])
            if package in ("tidenode.control", "tidenode.operations") and name not in (
                "tidenode.control",
                "tidenode.control.dispatcher",
            ):
                del sys.modules[name]
                if len(parts) > 2 and package in sys.modules:
                    sys.modules[package].__dict__.pop(parts[2], None)

    def begin(self) -> None:
        """Report, and ask for a job: a connection began, or what is reported changed."""
        self._put("", None)

    def _hear(self, topic: str, payload: "memoryview | None") -> None:
        if "/update/" in topic and not topic.endswith("/delta"):
            if self.job:
                self.job.answered(topic)
        elif topic.startswith("cmd/") or [end for end in _HEARD if topic.endswith(end)]:
            self._put(topic, None if payload is None else bytes(payload))

    def _put(self, topic: str, payload: "bytes | None") -> None:
        command = topic.startswith("cmd/")
        for position, (known, _) in enumerate(self._messages):
            if known == topic and not command:
                self._messages[position] = (topic, payload)
                return
        if command and len(self._messages) >= MESSAGES_MAX:
            self.dropped += 1
            return
        self._messages.append((topic, payload))
        self._woken.set()

    async def _handle(self, topic: str, payload: "bytes | None") -> None:
        try:
            if not topic:
                self._asked_at_ms = None
                self.load("control.reported").tell(self)
                self._ask_for_job()
            elif topic.endswith("/delta"):
                if not self.on_trial and self.load("control.desired").take(self, payload):
                    await self.restart()
            elif topic.endswith("/notify-next"):
                self._ask_for_job()
            elif "/start-next/" in topic:
                await self._hear_of_job(topic.endswith("/accepted"), payload)
            elif payload is not None and topic.startswith("cmd/"):
                await self.load("control.commands").take(self, topic, payload)
        except Exception as error:  # whatever a message brings, the board goes on
            gc.collect()  # it may have been the heap
            self.warn("message failed topic=%s: %r" % (topic, error))
        if not self.job:
            self.forget()

    async def _hear_of_job(self, accepted: bool, payload: "bytes | None") -> None:
        # An answer to an earlier question may name a job that is done since.
        asked_at_ms, self._asked_at_ms = self._asked_at_ms, None
        if not accepted:
            await asyncio.sleep(REJECTED_S)
            self._ask_for_job()
        elif payload is None:
            self.warn("a job is too long to be read")
        elif asked_at_ms is not None and not self.job:
            self.load("control.jobs").take(self, payload)
            if self.agent.alone and not self.job:
                await self.restart()  # the update that asked for the sensors' heap is over

    def job_ended(self) -> None:
        """Ask for the next job."""
        self.job = None
        self.forget()
        self._ask_for_job()

    def _ask_for_job(self) -> None:
        # A version that has yet to prove itself takes no job: that needs heap, and may end it.
        if self.job or self.on_trial or self.agent.proving:
            return
        now_ms, asked_at_ms = self.clock.monotonic_ms(), self._asked_at_ms
        # A question may get lost, and is asked again when the cloud has news, but not at once: of
        # two answers the second may come when its job is done.
        is_due = asked_at_ms is None or now_ms - asked_at_ms > ANSWER_MS_MAX
        if is_due and self.talk.publish(self.things + "jobs/start-next", "{}"):
            self._asked_at_ms = now_ms
