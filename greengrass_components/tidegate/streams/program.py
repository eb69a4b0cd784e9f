"""The stream manager as a program: its options, its configuration, and its end in order.

Options, signals and exit codes are those of `tidegate.process`. By hand it takes flags, which go
before the configuration:

    python main.py --port 8088 --store /var/lib/streams
"""

import argparse
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidegate.errors import GateError
from tidegate.ipc import OperationError
from tidegate.ipc.client import SOCKET_VARIABLE
from tidegate.process import Process, exit_code_of, log_refused, parsed, parser_of
from tidegate.segment_log.cursors import replace_file
from tidegate.streams.errors import StreamsError
from tidegate.streams.manager import Manager
from tidegate.streams.manager_settings import AUTHENTICATIONS, NAMES, ManagerSettings, settings_of

log = logging.getLogger("tidegate.streams")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    options = parsed(_parser(), arguments)
    if options.no_nucleus:
        os.environ.pop(SOCKET_VARIABLE, None)

    async def program(process: Process) -> None:
        await _Program(options, process).run()

    return exit_code_of(program, options.configuration)


class _Program:
    def __init__(self, options: argparse.Namespace, process: Process) -> None:
        self._options, self._process = options, process

    async def run(self) -> None:
        """Serve until the process is to end; raises `GateError` for what can't be at the start."""
        settings = await self._read()
        try:
            manager = Manager(settings, dict(os.environ), self._process.ipc)
            try:
                await manager.open()
                await self._serve(manager)
            finally:
                await manager.close()
        except OSError as error:
            raise StreamsError(str(error)) from error
        log.info("ended in order")

    async def _serve(self, manager: Manager) -> None:
        while True:
            if self._options.facts:
                facts = {"port": manager.port, "pid": os.getpid()}
                replace_file(self._options.facts, json.dumps(facts).encode())
            assert manager.serving  # noqa: S101  it is open
            await self._process.told(manager.serving)
            if manager.serving.done():
                manager.serving.result()  # a bug of ours ends us, and the nucleus starts us again
            await self._process.settled()
            if self._process.stopping.is_set():
                return
            try:
                await manager.adopt(await self._read())
            except GateError as error:
                log_refused(error)

    async def _read(self) -> ManagerSettings:
        configuration = {**await self._given(), **_flags(self._options)}
        settings = settings_of(configuration, os.environ)
        if settings.passed_over:
            log.warning("settings that have no meaning here: %s", ", ".join(settings.passed_over))
        state: Path = self._options.state
        return replace(
            settings,
            store=state / settings.store,
            socket=state / settings.socket,
            token_file=state / settings.token_file,
        )

    async def _given(self) -> dict[str, Any]:
        """Return the configuration whole, so that what is no setting is told, where that goes."""
        try:
            return await self._process.settings(None)
        except OperationError as error:
            log.info("configuration read setting by setting: %s", error)
            return await self._process.settings(NAMES)


def _flags(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "port": options.port,
        "socket": options.socket,
        "store": options.store,
        "tokenFile": options.token_file,
        "authentication": options.authentication,
        "region": options.region,
        "retrySecondsMax": options.retry_s_max,
        "status_port": options.status_port,
        "logLevel": options.log_level,
    }
    return {name: value for name, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = parser_of("A light stream manager that AWS's stream-manager SDKs work with.")
    parser.epilog = "example: python main.py --port 8088 --store streams --token-file token"
    parser.add_argument("--port", help="TCP port on 127.0.0.1; 0 is a free one (default 8088)")
    parser.add_argument("--socket", help="Unix socket (default stream_manager.socket)")
    parser.add_argument("--store", help="folder of the streams (default streams)")
    parser.add_argument("--token-file", help="made where there is none, mode 600 (default token)")
    parser.add_argument("--authentication", choices=AUTHENTICATIONS)
    parser.add_argument("--region", help="AWS region of the exports (default $AWS_REGION)")
    parser.add_argument("--retry-s-max", help="longest wait between two tries of an export")
    parser.add_argument("--status-port", help="port of a status page on 127.0.0.1; 0 is none")
    parser.add_argument("--log-level", help="debug, info, warning or error (default info)")
    parser.add_argument("--facts", type=Path, help="write port and pid here once it listens")
    parser.add_argument("--no-nucleus", action="store_true", help="do not ask the nucleus")
    return parser
