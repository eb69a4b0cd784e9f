"""Wire the trial of what the board was updated to. Loaded where something is on trial only."""

import os
import sys

import slots  # type: ignore[import-not-found]  # beside main.py, not in lib

from tidenode import log
from tidenode.echo import Echo
from tidenode.update.trial import Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from tidenode.clock import Clock
    from tidenode.uplink import Uplink

TIMEOUT_MS = 600_000  # a router takes minutes to start; the version before waits unharmed
_MESSAGE_BYTES_MAX = 512


def proof(
    thing: str, clock: "Clock", uplink: "Uplink", safe_mode: bool
) -> "Coroutine[Any, Any, None]":
    """Return what proves the version that runs, or the MicroPython, beside the agent."""
    talk = uplink.talk
    if talk is None:
        from tidenode.talk import Talk

        talk = Talk(_MESSAGE_BYTES_MAX, log.warn)
        uplink.carry(talk)
    # A board that had to leave its sensors out may well connect: that proves nothing.
    return Trial(
        echo=_never if safe_mode else Echo(talk, thing).went_round,
        now_ms=clock.monotonic_ms,
        timeout_ms=0 if safe_mode else TIMEOUT_MS,
        settle=_settle,
        give_up=_give_up,
    ).run()


async def _never(_timeout_ms: int) -> bool:
    return False


def _settle() -> None:
    if slots.state()[2] == slots.TRIAL:
        slots.settle()
    if [note for note in os.listdir(slots.FOLDER) if note.startswith("switched.")]:
        image = _image()
        if image is not None and image.on_trial():
            image.settle()
    log.warn("the new version has proved itself")
    from tidenode.agent import running  # here, since it changes: a name that is imported does not

    for name in ("tidenode.update.proving", "tidenode.update.trial", "tidenode.echo", "slots"):
        sys.modules.pop(name, None)  # kilobytes of heap, which the report of the job needs
    for name in ("update", "echo"):
        sys.modules["tidenode"].__dict__.pop(name, None)
    if running is not None:
        running.proving = False
        running.proved()


def _give_up(why: str) -> None:
    log.warn("the new version is given up: %s" % why)
    if slots.state()[2] == slots.TRIAL:
        slots.end_trial(why)
    from tidenode.agent import running  # here for the same reason

    if running is not None:
        running.restart()  # of a MicroPython the boot loader takes care


def _image() -> "Any":
    try:
        from esp32 import Partition
    except ImportError:
        return None
    from tidenode.update.errors import UpdateRefusedError
    from tidenode.update.partition import ImageSlot

    try:
        return ImageSlot(
            Partition, slots.FOLDER, "%d.%d.%d" % tuple(sys.implementation.version[:3])
        )
    except UpdateRefusedError:
        return None
