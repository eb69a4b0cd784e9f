"""The stream manager as a program: everything is wired here, and ends in order on SIGTERM.

Started by a nucleus it asks that for its configuration; by hand it takes flags:

    python main.py --port 8088 --store /var/lib/streams
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.errors import GateError
from tidegate.ipc import IpcClient
from tidegate.ipc.client import SOCKET_VARIABLE
from tidegate.kinesis.credentials import CredentialSource
from tidegate.segment_log.cursors import replace_file
from tidegate.streams.admission import NucleusAdmission, TokenAdmission, everyone
from tidegate.streams.errors import StreamsError
from tidegate.streams.exports.aws_access import AwsAccess
from tidegate.streams.exports.exports import Exports
from tidegate.streams.manager_settings import AUTHENTICATIONS, ManagerSettings, settings_of
from tidegate.streams.server import Server
from tidegate.streams.session import Admit
from tidegate.streams.store import Store
from tidegate.streams.token import token_in

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; return the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", stream=sys.stdout
    )
    try:
        asyncio.run(_serve(options))
    except (GateError, OSError) as error:
        print(f"stream_manager: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(options: argparse.Namespace) -> None:
    environment = dict(os.environ)
    ipc = None
    if environment.get(SOCKET_VARIABLE) and not options.no_nucleus:
        ipc = IpcClient.from_environment(environment)
        await ipc.connect()
    try:
        configuration = _flags(options)
        if ipc:
            configuration = {**(await ipc.configuration() or {}), **configuration}
        settings = settings_of(configuration, environment)
        if settings.passed_over:
            log.warning("settings that have no meaning here: %s", ", ".join(settings.passed_over))
        await _run(settings, environment, ipc, options.facts)
    finally:
        if ipc:
            await ipc.close()


async def _run(
    settings: ManagerSettings,
    environment: Mapping[str, str],
    ipc: IpcClient | None,
    facts_path: Path | None,
) -> None:
    until = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, until.set)
    store = Store(settings.store)
    exports = None
    try:
        server = Server(store, admit=_admission(settings, ipc))
        access = AwsAccess(
            region=settings.region,
            credentials=CredentialSource(environment, time.time),
            endpoints=settings.endpoints,
            environment=environment,
        )
        access.proxy_to("https://amazonaws.com")  # complains now, not at each export
        exports = Exports(
            store,
            access,
            delay_s_max=settings.retry_s_max,
            bits_per_s_max=settings.export_bits_per_s_max,
        )
        port = await server.listen(settings.port, settings.socket)
        log.info(
            "listening port=%d socket=%s streams=%d authentication=%s",
            port, settings.socket, len(store.names()), settings.authentication,
        )  # fmt: skip
        if facts_path:
            replace_file(facts_path, json.dumps({"port": port, "pid": os.getpid()}).encode())
        await server.run(until)
    finally:
        if exports:
            await exports.close()
        store.close()
        settings.socket.unlink(missing_ok=True)
    log.info("ended in order")


def _admission(settings: ManagerSettings, ipc: IpcClient | None) -> Admit:
    if settings.authentication == "none":
        return everyone
    if settings.authentication == "nucleus":
        if ipc is None:
            raise StreamsError("authentication is nucleus, and no nucleus started this process")
        return NucleusAdmission(ipc)
    settings.token_file.parent.mkdir(parents=True, exist_ok=True)
    return TokenAdmission(token_in(settings.token_file))


def _flags(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "port": options.port,
        "socket": options.socket,
        "store": options.store,
        "tokenFile": options.token_file,
        "authentication": options.authentication,
        "region": options.region,
        "retrySecondsMax": options.retry_s_max,
    }
    return {name: value for name, value in given.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="A light stream manager that AWS's stream-manager SDKs work with.",
        epilog="example: python main.py --port 8088 --store streams --token-file token",
    )
    parser.add_argument("--port", help="TCP port on 127.0.0.1; 0 is a free one (default 8088)")
    parser.add_argument("--socket", help="Unix socket (default stream_manager.socket)")
    parser.add_argument("--store", help="folder of the streams (default streams)")
    parser.add_argument("--token-file", help="made where there is none, mode 600 (default token)")
    parser.add_argument("--authentication", choices=AUTHENTICATIONS)
    parser.add_argument("--region", help="AWS region of the exports (default $AWS_REGION)")
    parser.add_argument("--retry-s-max", help="longest wait between two tries of an export")
    parser.add_argument("--facts", type=Path, help="write port and pid here once it listens")
    parser.add_argument("--no-nucleus", action="store_true", help="do not ask the nucleus")
    return parser
