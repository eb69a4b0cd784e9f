"""The nucleus as a program: everything wired, until it is told to end.

`python -m tidegate.nucleus --root DIR` locks DIR, writes `running.json` when the socket is open
and removes it when it ends: `{"pid", "socket", "token", "nucleus", "thing"}`; the token is that of
the command line, as `aws.greengrass.Cli` has one.
"""

import argparse
import asyncio
import fcntl
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tidegate.errors import GateError
from tidegate.ipc.local_bus import LocalBus
from tidegate.ipc.operations import Operations
from tidegate.ipc.server import IpcServer
from tidegate.nucleus.credentials import CredentialsServer
from tidegate.nucleus.device_cloud import DeviceCloud
from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.iot_core import IotCore, tls_context
from tidegate.nucleus.jobs import Jobs
from tidegate.nucleus.nucleus import Nucleus
from tidegate.nucleus.nucleus_log import NucleusLog
from tidegate.nucleus.processes import end_leftovers
from tidegate.nucleus.settings import Settings, load_settings, write_whole

log = logging.getLogger(__name__)

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code: 0 ended, 1 failed, 2 could not start as asked."""
    parser = argparse.ArgumentParser(
        prog="python -m tidegate.nucleus", description="A Greengrass nucleus on this machine."
    )
    parser.add_argument("--root", type=Path, required=True, help="directory with nucleus.json")
    parser.add_argument("--log", type=Path, help="where it writes, instead of standard error")
    given = parser.parse_args(arguments)
    root: Path = given.root.resolve()
    try:
        _log_to(given.log)
        settings = load_settings(root)
        lock = _lock(root)
    except GateError as error:
        print(f"nucleus: {error}", file=sys.stderr)
        return WRONG_USE
    try:
        asyncio.run(_run(settings))
    except GateError as error:
        print(f"nucleus: {error}", file=sys.stderr)
        return FAILED
    finally:
        os.close(lock)
    return DONE


def _log_to(path: Path | None) -> None:
    try:
        handlers = [NucleusLog(path)] if path else None
    except OSError as error:
        raise NucleusError(f"the log can't be written: {error}") from error
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers)


async def _run(settings: Settings) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with AsyncExitStack() as stack:
        await serve(settings, stack)
        await ending.wait()
        (settings.root / "running.json").unlink(missing_ok=True)


async def serve(settings: Settings, stack: AsyncExitStack) -> Nucleus:
    """Start everything; `stack` ends it, the last one first."""
    if settings.mqtt_host:
        tls_context(settings)  # complains now, not at each dial
    end_leftovers(settings.socket_path)
    cloud = DeviceCloud(settings)
    credentials = CredentialsServer(cloud)
    if settings.device_url and settings.role_alias:
        await credentials.open()
        stack.push_async_callback(credentials.close)
    iot_core = IotCore(settings)

    def ended(component: str) -> None:
        server.hang_up(component)
        jobs.note_change()

    nucleus = Nucleus(settings, credentials_port=credentials.port, component_ended=ended)
    credentials.allows = nucleus.wants_credentials
    jobs = Jobs(settings=settings, nucleus=nucleus, iot_core=iot_core, cloud=cloud)
    nucleus.on_change = jobs.note_change
    operations = Operations(
        nucleus=nucleus, bus=LocalBus(), iot_core=iot_core, limits=settings.limits
    )
    server = IpcServer(
        path=settings.socket_path, nucleus=nucleus, operations=operations, limits=settings.limits
    )
    works = [iot_core.run()]
    if settings.device_url:
        works += [jobs.run(), jobs.report_health()]
    tasks = [asyncio.create_task(work) for work in works]
    stack.push_async_callback(_cancel, tasks)
    await server.open()
    stack.push_async_callback(server.close)
    stack.push_async_callback(nucleus.stop)
    _announce(settings, nucleus)
    await nucleus.start()
    return nucleus


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            log.error("a part had ended: %r", outcome)


def _announce(settings: Settings, nucleus: Nucleus) -> None:
    document = {
        "pid": os.getpid(),
        "socket": str(settings.socket_path),
        "token": nucleus.cli_token,
        "nucleus": settings.nucleus,
        "thing": settings.thing,
    }
    write_whole(settings.root / "running.json", json.dumps(document).encode())


def _lock(root: Path) -> int:
    lock = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise NucleusError(f"a nucleus runs in {root} already") from None
    return lock
