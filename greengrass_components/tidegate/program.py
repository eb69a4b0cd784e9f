"""The program of an adapter component: what its `main.py` calls.

    from tidegate.modbus.kind import KIND
    from tidegate.program import run

    if __name__ == "__main__":
        run(KIND)

Its options, signals and exit codes are those of `tidegate.process`; SIGHUP has the tag map read
again.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tidegate.adapter_kind import AdapterKind
from tidegate.alarm_bell import AlarmBell
from tidegate.command_link import CommandLink, CommandsFrom
from tidegate.component import Component
from tidegate.component_settings import NAMES, ComponentSettings, read_settings
from tidegate.errors import GateError
from tidegate.intake import unheard
from tidegate.ipc import IpcError
from tidegate.outbox import Outbox
from tidegate.outbox_upkeep import note_settings
from tidegate.process import Process, exit_code_of, log_refused, parsed, parser_of
from tidegate.tag_map import TagMap, read_tag_map

log = logging.getLogger("tidegate.program")


def run(kind: AdapterKind, arguments: Sequence[str] | None = None) -> None:
    """Run the component until it is told to end, and exit the process."""
    options = _options(kind, arguments)

    async def program(process: Process) -> None:
        await _Program(kind, options, process).run()

    sys.exit(exit_code_of(program, options.configuration))


def _options(kind: AdapterKind, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(f"Read devices by the {kind.name} adapter.")
    parser.add_argument("--tag-map", help="tag map, before that of the configuration")
    parser.add_argument(
        "--component", type=Path, default=Path(sys.argv[0]).resolve().parent,
        help="folder where a tag map lies that the working directory does not have",
    )  # fmt: skip
    return parsed(parser, arguments)


class _Program:
    def __init__(self, kind: AdapterKind, options: argparse.Namespace, process: Process) -> None:
        self._kind, self._options, self._process = kind, options, process

    async def run(self) -> None:
        """Run until the process is to end."""
        settings, tag_map = await self._read()
        outbox = Outbox(self._options.state / "outbox", settings.outbox)
        try:
            ipc = self._process.ipc
            bell = AlarmBell(ipc) if ipc else None
            component = Component(
                self._kind, settings, tag_map, outbox, on_alarm=bell.ring if bell else unheard
            )
            await component.start()
            try:
                await self._serve(component)
            finally:
                await component.stop()
                if bell:
                    await bell.close()
        finally:
            outbox.close()

    async def _serve(self, component: Component) -> None:
        while not self._process.stopping.is_set():
            link = await self._listen(component)
            await self._process.told()
            await self._process.settled()
            if link:
                await link.close()
            if not self._process.stopping.is_set():
                await self._reload(component)

    async def _listen(self, component: Component) -> CommandLink | None:
        """Take commands, where somebody may give them."""
        settings = component.settings
        if self._process.ipc is None or settings.commands is CommandsFrom.NOBODY:
            return None
        gateway = os.environ.get("AWS_IOT_THING_NAME") or settings.thing
        link = CommandLink(self._process.ipc, gateway, component.writing)
        try:
            await self._process.unless_ended(link.open(settings.commands))
        except IpcError as error:
            log.error("commands will not be heard, see accessControl of the recipe: %s", error)
        return link

    async def _read(self) -> tuple[ComponentSettings, TagMap]:
        mapping = await self._process.settings(NAMES)
        settings = read_settings(mapping, self._kind.name)
        if self._options.tag_map:
            path = Path(self._options.tag_map)
        else:
            path = settings.tag_map_path(self._options.component, self._options.state)
        tag_map = read_tag_map(
            path, kind=self._kind, thing=settings.thing, connections=settings.connections
        )
        return settings, tag_map

    async def _reload(self, component: Component) -> None:
        try:
            settings, tag_map = await self._read()
            await component.reload(settings, tag_map)
            note_settings(component.outbox, settings.outbox)
            log.info("configuration read again")
        except GateError as error:
            log_refused(error)
