"""`python -m tidelocal`: run the local cloud until SIGTERM or SIGINT."""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from tidelocal import listeners
from tidelocal.cloud import LocalCloud
from tidelocal.errors import LocalCloudError, StartRefusedError
from tidelocal.settings import Settings, parse
from tidelocal.state_directory import StateDirectory

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit code: 0 ended, 1 failed, 2 could not start as asked."""
    settings = parse(arguments)
    # Before MiniStack is imported, whose own set-up of the root logger then does nothing.
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    logging.getLogger("tidelocal").setLevel(logging.INFO)
    try:
        directory = StateDirectory(settings.state)
    except StartRefusedError as error:
        return _refuse(error)
    try:
        try:
            doors = listeners.take(settings, directory.ports())
        except StartRefusedError as error:
            return _refuse(error)
        directory.keep_ports(doors.ports())
        asyncio.run(_run(settings, directory, doors))
    except LocalCloudError as error:
        print(f"tidelocal: {error}", file=sys.stderr)
        return FAILED
    finally:
        directory.close()
    return DONE


async def _run(settings: Settings, directory: StateDirectory, doors: listeners.Listeners) -> None:
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, ending.set)
    await LocalCloud(settings, directory, doors).run(ending)


def _refuse(error: StartRefusedError) -> int:
    print(f"tidelocal: {error}", file=sys.stderr)
    return WRONG_USE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
