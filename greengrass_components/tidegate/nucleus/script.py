"""Run one script of a lifecycle: a shell in a process group of its own, its output to the log."""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tidegate.nucleus.component_log import LINE_BYTES_MAX, ComponentLog

STOP_S_MAX = 10.0  # between SIGTERM and SIGKILL


class ScriptTimeoutError(Exception):
    """The script did not end in its time, and was ended."""


class Script:
    """A running script; everything that it started ends with it."""

    def __init__(self, process: asyncio.subprocess.Process, log: ComponentLog, step: str) -> None:
        self._process = process
        readers = ((process.stdout, step), (process.stderr, f"{step} err"))
        self._output = [
            asyncio.create_task(_copy(reader, log, name)) for reader, name in readers if reader
        ]

    @classmethod
    async def start(
        cls, text: str, *, step: str, cwd: Path, environment: Mapping[str, str], log: ComponentLog
    ) -> "Script":
        """Start `text` in a shell."""
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            text,
            cwd=cwd,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=2 * LINE_BYTES_MAX,
        )
        return cls(process, log, step)

    @property
    def pid(self) -> int:
        """Its process, which is its group as well."""
        return self._process.pid

    async def wait(self, timeout_s: float | None = None) -> int:
        """Return its exit code; raises `ScriptTimeoutError` once it was ended for its time."""
        try:
            async with asyncio.timeout(timeout_s):
                code = await self._process.wait()
        except TimeoutError:
            await self.stop()
            raise ScriptTimeoutError from None
        await self._end_output()
        return code

    async def stop(self, timeout_s: float = STOP_S_MAX) -> None:
        """End it with SIGTERM, and what is left after `timeout_s` with SIGKILL."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_s):
                await self._process.wait()
        except TimeoutError:
            pass
        self._signal(signal.SIGKILL)  # what it left behind, too
        await self._process.wait()
        await self._end_output()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    async def _end_output(self) -> None:
        # A process that the script left behind may hold the pipe open for ever.
        _, pending = await asyncio.wait(self._output, timeout=1.0)
        for task in pending:
            task.cancel()


async def _copy(reader: asyncio.StreamReader, log: ComponentLog, name: str) -> None:
    while True:
        try:
            line = await reader.readuntil()
        except asyncio.IncompleteReadError as rest:
            if rest.partial:
                log.write(name, rest.partial)
            return
        except asyncio.LimitOverrunError as long:
            line = await reader.readexactly(long.consumed)
        log.write(name, line)
