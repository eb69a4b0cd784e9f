"""One component through its lifecycle, as a nucleus runs it.

NEW -> install -> INSTALLED -> STARTING -> (run | startup) -> RUNNING -> FINISHED
                                  errors: ERRORED -> recover -> again, three in an hour -> BROKEN
Only a new deployment clears BROKEN.
"""

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping

from tidegate.nucleus.component_log import ComponentLog
from tidegate.nucleus.configuration import Configuration
from tidegate.nucleus.errors import InterpolationError
from tidegate.nucleus.interpolation import Variables, interpolate
from tidegate.nucleus.recipe import Recipe, Step
from tidegate.nucleus.script import Script, ScriptTimeoutError
from tidegate.nucleus.settings import Settings

log = logging.getLogger(__name__)

ERRORS_MAX = 3
ERRORS_WINDOW_S = 3_600.0
RETRY_S = 1.0
TOKEN_BYTES = 12  # 16 characters, as nucleus lite's

NEW, INSTALLED, STARTING, RUNNING = "NEW", "INSTALLED", "STARTING", "RUNNING"
STOPPING, ERRORED, BROKEN, FINISHED = "STOPPING", "ERRORED", "BROKEN", "FINISHED"
SETTLED = frozenset({RUNNING, FINISHED, BROKEN})


class Component:
    """One deployed component. `environment` gives the variables for a Setenv of its recipe."""

    def __init__(
        self,
        *,
        recipe: Recipe,
        configuration: Configuration,
        settings: Settings,
        environment: Callable[["Component", Mapping[str, str]], dict[str, str]],
        others: Callable[["Component"], Mapping[str, Variables]],
        ended: Callable[[str], None] = lambda _: None,
        retry_s: float = RETRY_S,
    ) -> None:
        self.recipe, self.configuration = recipe, configuration
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self.state = NEW
        self.reason = ""
        self.starts = 0
        self._settings, self._environment, self._others = settings, environment, others
        self._ended, self._retry_s = ended, retry_s
        self._log = ComponentLog(settings.log_path(recipe.name))
        self._script: Script | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._errors_at_s: deque[float] = deque(maxlen=ERRORS_MAX)
        self._reported = asyncio.Event()
        self._stopping = False

    @property
    def name(self) -> str:
        """The component's name."""
        return self.recipe.name

    @property
    def pid(self) -> int | None:
        """The process of its running script."""
        return self._script.pid if self._script else None

    @property
    def steady(self) -> bool:
        """Whether it has nothing to wait for: it runs, has finished, or is broken."""
        return self.state in SETTLED

    def variables(self) -> Variables:
        """Return what its scripts, and those of its dependents, may name."""
        name, version = self.recipe.name, self.recipe.version
        return Variables(
            self._settings.artifacts(name, version),
            self._settings.decompressed(name, version),
            self._settings.work(name),
            self._settings.root,
            self._settings.thing,
            self.configuration.value,
        )

    def start(self) -> None:
        """Begin its life; `wait_settled` tells what became of it."""
        if self._task is None or self._task.done():
            self._errors_at_s.clear()
            if self.state in (BROKEN, FINISHED):
                self.state = NEW  # else `wait_settled` takes its last life's end for this one's
            self._task = asyncio.create_task(self._live())

    async def wait_settled(self, timeout_s: float) -> str:
        """Return its state once it runs, has finished or is broken, or the time is up."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self.steady)
        except TimeoutError:
            self._log.write("nucleus", f"still {self.state} after {timeout_s:.0f} s")
        return self.state

    async def stop(self) -> None:
        """Run its shutdown and end its process; its life is over until `start`."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping = True
        try:
            if self.state in (RUNNING, STARTING):
                await self._set(STOPPING)
                await self._shut_down()
            task.cancel()
            await asyncio.wait({task})
            if self.state not in (BROKEN, FINISHED):
                await self._set(INSTALLED)
        finally:
            self._stopping = False

    def close(self) -> None:
        """Close its log."""
        self._log.close()

    def report(self, state: str) -> None:
        """Take what the component says of itself by IPC."""
        self._log.write("nucleus", f"the component says {state}")
        if state == ERRORED:
            self.reason = "the component said ERRORED"
            self._reported.set()

    # ---- life ----

    async def _live(self) -> None:
        while True:
            if (await self._install() and await self._run()) or self._stopping:
                return
            if await self._note_error():
                return
            await self._recover()
            await asyncio.sleep(self._retry_s)

    async def _install(self) -> bool:
        self._settings.work(self.name).mkdir(parents=True, exist_ok=True, mode=0o700)
        if self.state in (INSTALLED, ERRORED) and self.starts:
            return True  # installed once in this life; an error of `run` does not install again
        await self._set(NEW)
        step = self.recipe.steps.get("install")
        if step and not await self._to_the_end(step):
            return False
        await self._set(INSTALLED)
        return True

    async def _run(self) -> bool:
        """Return True when the component is done for good, False after an error."""
        await self._set(STARTING)
        self.starts += 1
        self._reported.clear()
        startup, run = self.recipe.steps.get("startup"), self.recipe.steps.get("run")
        if startup:
            if not await self._to_the_end(startup):
                return False
            await self._set(RUNNING)
            await self._reported.wait()
            return False
        if run is None:
            await self._set(FINISHED)
            return True
        return await self._run_step(run)

    async def _run_step(self, step: Step) -> bool:
        script = await self._begin(step)
        if script is None:
            return False
        self._script = script
        reported = asyncio.create_task(self._reported.wait())
        waiting = asyncio.create_task(script.wait(step.timeout_s))
        try:
            await self._set(RUNNING)  # which may be waited for, and cancelled
            await asyncio.wait({reported, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                return False  # it said ERRORED
            code = waiting.result()
        except ScriptTimeoutError:
            self.reason = f"run did not end within {step.timeout_s:.0f} s"
            return False
        finally:
            for task in (reported, waiting):
                task.cancel()
            await asyncio.wait({reported, waiting})
            await script.stop()
            self._script = None
            self._ended(self.name)
        if code == 0:
            await self._set(FINISHED)
            return True
        self.reason = f"run ended with exit code {code}"
        return False

    async def _to_the_end(self, step: Step) -> bool:
        script = await self._begin(step)
        if script is None:
            return False
        began_s = time.monotonic()
        try:
            code = await script.wait(step.timeout_s)
        except ScriptTimeoutError:
            self.reason = f"{step.name} took longer than its Timeout of {step.timeout_s:.0f} s"
            return False
        except asyncio.CancelledError:
            await script.stop()
            raise
        self._log.write(
            "nucleus", f"{step.name} took {time.monotonic() - began_s:.2f} s, exit {code}"
        )
        if code:
            self.reason = f"{step.name} ended with exit code {code}"
        return code == 0

    async def _begin(self, step: Step) -> Script | None:
        others = self._others(self)
        try:
            text = interpolate(step.script, self.variables(), others)
            own = {
                name: interpolate(value, self.variables(), others)
                for name, value in step.environment.items()
            }
        except InterpolationError as error:
            self.reason = f"{step.name}: {error}"
            return None
        return await Script.start(
            text,
            step=step.name,
            cwd=self._settings.work(self.name),
            environment=self._environment(self, own),
            log=self._log,
        )

    async def _note_error(self) -> bool:
        """Return True when this error was one too many."""
        now_s = time.monotonic()
        self._errors_at_s.append(now_s)
        log.warning("%s: %s", self.name, self.reason)
        self._log.write("nucleus", f"ERRORED: {self.reason}")
        recent = [at_s for at_s in self._errors_at_s if now_s - at_s < ERRORS_WINDOW_S]
        broken = len(recent) >= ERRORS_MAX
        await self._set(BROKEN if broken else ERRORED)
        return broken

    async def _recover(self) -> None:
        step = self.recipe.steps.get("recover")
        if step and self._settings.nucleus == "classic":
            await self._to_the_end(step)

    async def _shut_down(self) -> None:
        step = self.recipe.steps.get("shutdown")
        if step and self._settings.nucleus == "classic":  # lite has no shutdown
            await self._to_the_end(step)

    async def _set(self, state: str) -> None:
        if state == self.state:
            return
        self.state = state
        if state in (RUNNING, FINISHED):
            self.reason = ""
        self._log.write("nucleus", state)
        async with self._changed:
            self._changed.notify_all()
