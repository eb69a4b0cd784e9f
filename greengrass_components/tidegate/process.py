"""The process of a component: its options, what ends it, and where its configuration is.

Flow: nucleus | file -> [process] -> program
Started by a nucleus a component reads its configuration there, and again when that changes; else
from `--configuration FILE`, and again on SIGHUP. It ends on SIGTERM and SIGINT with exit code 0,
also while it waits for a nucleus that does not answer. Exit code 2: the configuration is wrong, and
the log says all that is. Exit code 3: the nucleus was not to be reached for `NUCLEUS_S_MAX`, or
does not know this process, and nothing is wrong with the configuration.
"""

import argparse
import asyncio
import contextlib
import logging
import random
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tidegate import component_configuration as configuration
from tidegate.errors import GateError
from tidegate.ipc import ConnectionLostError, IpcClient, IpcError

log = logging.getLogger("tidegate.process")

_T = TypeVar("_T")

DONE, WRONG_CONFIGURATION, NO_NUCLEUS = 0, 2, 3
NUCLEUS_S_MAX = 60.0  # a nucleus restarts in less; longer, and it is to start us again
NUCLEUS_RETRY_S_MIN, NUCLEUS_RETRY_S_MAX = 0.1, 5.0
SETTLE_S = 0.5  # a deployment changes many values: one reading after the last of them


class EndedError(Exception):
    """The process is to end, and what it waited for did not come before that."""


def parser_of(description: str) -> argparse.ArgumentParser:
    """Return a parser of the options that every component has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--configuration", type=Path, help="settings in YAML or JSON, without a nucleus"
    )
    parser.add_argument(
        "--state", type=Path, default=Path(), help="folder that keeps samples; default: here"
    )
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; ends the process where they are wrong."""
    options = parser.parse_args(arguments)
    if options.configuration and not options.configuration.exists():
        parser.error(f"{options.configuration} is not there")
    return options


def exit_code_of(
    program: Callable[["Process"], Awaitable[None]],
    configuration_path: Path | None,
    *,
    nucleus_s_max: float = NUCLEUS_S_MAX,
) -> int:
    """Run `program` until it returns; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")

    async def run() -> None:
        async with Process(configuration_path, nucleus_s_max=nucleus_s_max) as process:
            await program(process)

    try:
        asyncio.run(run())
    except IpcError as error:
        log.error("ends without its nucleus: %s", error)
        return NO_NUCLEUS
    except GateError as error:
        for line in str(error).splitlines():
            log.error("%s", line)
        return WRONG_CONFIGURATION
    except EndedError:
        pass
    log.info("ends")
    return DONE


class Process:
    """`stopping` is set when it is to end, `changed` when its configuration may be another.

    `ipc` is the nucleus, where one has started it.
    """

    def __init__(
        self, configuration_path: Path | None, *, nucleus_s_max: float = NUCLEUS_S_MAX
    ) -> None:
        self.ipc: IpcClient | None = None
        self.stopping = asyncio.Event()
        self.changed = asyncio.Event()
        self._configuration_path = configuration_path
        self._nucleus_s_max = nucleus_s_max
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.changed.set)
        if configuration.has_nucleus() and not self._configuration_path:
            try:
                await self.unless_ended(self._connect())
            except BaseException:
                await self._stack.aclose()
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def settings(self, names: Iterable[str] | None) -> dict[str, Any]:
        """Return those of `names` that are set, None: all there are; raises `GateError`.

        A nucleus that restarts meanwhile is waited for; where it stays away, `IpcError`.
        """
        if self._configuration_path:
            return configuration.from_file(self._configuration_path)
        if self.ipc:
            return await self.unless_ended(
                self._asked(self.ipc, None if names is None else tuple(names))
            )
        return {}

    async def unless_ended(self, asking: Coroutine[Any, Any, _T]) -> _T:
        """Return what `asking` brings; raises `EndedError` where the process is to end before that.

        For all that waits for others: who does not answer must not keep the process alive.
        """
        asked = asyncio.create_task(asking)
        ending = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({asked, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise EndedError
            return asked.result()
        finally:
            for task in (asked, ending):
                task.cancel()
            await asyncio.gather(asked, ending, return_exceptions=True)

    async def told(self, *others: asyncio.Task[Any]) -> None:
        """Return when it is to end, its configuration changed, or one of `others` is done.

        A configuration that the nucleus can't be asked for now has not changed yet.
        """
        waits = [asyncio.create_task(one) for one in (self.stopping.wait(), self._new())]
        try:
            await asyncio.wait([*waits, *others], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _new(self) -> None:
        await self.changed.wait()
        if self.ipc:
            await self.ipc.wait_connected()

    async def settled(self) -> None:
        """Return when no change came for a while, or it is to end."""
        while self.changed.is_set() and not self.stopping.is_set():
            self.changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), SETTLE_S)

    async def _asked(self, ipc: IpcClient, names: tuple[str, ...] | None) -> dict[str, Any]:
        while True:
            try:
                async with asyncio.timeout(self._nucleus_s_max):
                    await ipc.wait_connected()
            except TimeoutError:
                raise self._absent(ipc) from None
            try:
                return await configuration.from_nucleus(ipc, names)
            except ConnectionLostError as error:
                log.warning("asked again once the nucleus is there: %s", error)

    async def _until_connected(self, ipc: IpcClient) -> None:
        """Connect once the nucleus is there; raises `IpcError` where that takes too long."""
        retry_s = NUCLEUS_RETRY_S_MIN
        deadline_s = time.monotonic() + self._nucleus_s_max
        while True:
            try:
                return await ipc.connect()
            except ConnectionLostError as error:
                if time.monotonic() + retry_s > deadline_s:
                    raise self._absent(ipc) from error
                if retry_s == NUCLEUS_RETRY_S_MIN:
                    log.warning("waits %.0f s at most: %s", self._nucleus_s_max, error)
            await asyncio.sleep(random.uniform(retry_s / 2, retry_s))  # noqa: S311  jitter
            retry_s = min(retry_s * 2, NUCLEUS_RETRY_S_MAX)

    def _absent(self, ipc: IpcClient) -> ConnectionLostError:
        return ConnectionLostError(
            f"no nucleus at {ipc.socket_path} for {self._nucleus_s_max:.0f} s; is it running? "
            "systemctl status 'greengrass*', or tidectl gateway status"
        )

    async def _connect(self) -> None:
        """Connect, and hear of changes; a nucleus that tells none restarts it instead."""
        ipc = IpcClient.from_environment()
        await self._until_connected(ipc)
        self._stack.push_async_callback(ipc.close)
        self.ipc = ipc

        def changed(_component: str, _path: tuple[str, ...]) -> None:
            self.changed.set()

        try:
            await ipc.subscribe_to_configuration_updates(changed)
        except IpcError as error:
            log.warning("changes of the configuration will not be heard: %s", error)


def log_refused(error: GateError) -> None:
    """Say why a changed configuration is not taken."""
    for line in str(error).splitlines():
        log.error("configuration stays as it was: %s", line)
