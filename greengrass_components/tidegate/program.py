"""The program of an adapter component: what its `main.py` calls.

    from tidegate.modbus.kind import KIND
    from tidegate.program import run

    if __name__ == "__main__":
        run(KIND)

Started by a nucleus it reads its configuration there, and again when that changes; else from
`--configuration FILE`. It ends on SIGTERM with exit code 0, and reads the tag map again on SIGHUP.
Exit code 2: the configuration or the tag map is wrong, and the log says all that is.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tidegate import component_configuration as configuration
from tidegate.adapter_kind import AdapterKind
from tidegate.command_link import CommandLink, CommandsFrom
from tidegate.component import Component
from tidegate.component_settings import NAMES, ComponentSettings, read_settings
from tidegate.errors import GateError
from tidegate.ipc import IpcClient, IpcError
from tidegate.outbox import Outbox
from tidegate.tag_map import TagMap, read_tag_map

log = logging.getLogger("tidegate.program")

SETTLE_S = 0.5  # a deployment changes many values: one reading after the last of them


def run(kind: AdapterKind, arguments: Sequence[str] | None = None) -> None:
    """Run the component until it is told to end, and exit the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options = _options(kind, arguments)
    try:
        asyncio.run(_Program(kind, options).run())
    except GateError as error:
        for line in str(error).splitlines():
            log.error("%s", line)
        sys.exit(2)
    sys.exit(0)


def _options(kind: AdapterKind, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=f"Read devices by the {kind.name} adapter.")
    parser.add_argument(
        "--configuration", type=Path, help="settings in YAML or JSON, without a nucleus"
    )
    parser.add_argument("--tag-map", help="tag map, before that of the configuration")
    parser.add_argument(
        "--state", type=Path, default=Path(), help="folder that keeps samples; default: here"
    )
    parser.add_argument(
        "--component", type=Path, default=Path(sys.argv[0]).resolve().parent,
        help="folder where a tag map lies that the working directory does not have",
    )  # fmt: skip
    parsed = parser.parse_args(arguments)
    if parsed.configuration and not parsed.configuration.exists():
        parser.error(f"{parsed.configuration} is not there")
    return parsed


class _Program:
    def __init__(self, kind: AdapterKind, options: argparse.Namespace) -> None:
        self._kind, self._options = kind, options
        self._ipc: IpcClient | None = None
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Run until a signal."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._changed.set)
        async with contextlib.AsyncExitStack() as stack:
            if configuration.has_nucleus() and not self._options.configuration:
                self._ipc = await stack.enter_async_context(IpcClient.from_environment())
                await self._follow(self._ipc)
            settings, tag_map = await self._read()
            outbox = Outbox(self._options.state / "outbox", settings.outbox)
            stack.callback(outbox.close)
            component = Component(self._kind, settings, tag_map, outbox)
            await component.start()
            stack.push_async_callback(component.stop)
            while True:
                link = await self._listen(component)
                is_end = await self._wait()
                if link:
                    await link.close()
                if is_end:
                    break
                await self._reload(component)
            log.info("ends")

    async def _follow(self, ipc: IpcClient) -> None:
        """Hear of changes; a nucleus that tells none restarts the component instead."""

        def changed(_component: str, _path: tuple[str, ...]) -> None:
            self._changed.set()

        try:
            await ipc.subscribe_to_configuration_updates(changed)
        except IpcError as error:
            log.warning("changes of the configuration will not be heard: %s", error)

    async def _listen(self, component: Component) -> CommandLink | None:
        """Take commands, where somebody may give them."""
        settings = component.settings
        if self._ipc is None or settings.commands is CommandsFrom.NOBODY:
            return None
        gateway = os.environ.get("AWS_IOT_THING_NAME") or settings.thing
        link = CommandLink(self._ipc, gateway, component.writing)
        try:
            await link.open(settings.commands)
        except IpcError as error:
            log.error("commands will not be heard, see accessControl of the recipe: %s", error)
        return link

    async def _wait(self) -> bool:
        """Wait for the end or a change; returns whether it is the end."""
        waits = [asyncio.create_task(one.wait()) for one in (self._stopping, self._changed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            while self._changed.is_set() and not self._stopping.is_set():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), SETTLE_S)
        finally:
            for wait in waits:
                wait.cancel()
        return self._stopping.is_set()

    async def _read(self) -> tuple[ComponentSettings, TagMap]:
        mapping: dict[str, Any] = {}
        if self._options.configuration:
            mapping = configuration.from_file(self._options.configuration)
        elif self._ipc:
            mapping = await configuration.from_nucleus(self._ipc, NAMES)
        settings = read_settings(mapping, self._kind.name)
        if self._options.tag_map:
            path = Path(self._options.tag_map)
        else:
            path = settings.tag_map_path(self._options.component)
        tag_map = read_tag_map(
            path, kind=self._kind, thing=settings.thing, connections=settings.connections
        )
        return settings, tag_map

    async def _reload(self, component: Component) -> None:
        try:
            await component.reload(*await self._read())
            log.info("configuration read again")
        except GateError as error:
            for line in str(error).splitlines():
                log.error("configuration stays as it was: %s", line)
