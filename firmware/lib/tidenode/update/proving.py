"""Wire the trial of what the board was updated to. Loaded where something is on trial only."""

import asyncio
import os
import sys

import slots  # type: ignore[import-not-found]  # beside main.py, not in lib

from tidenode import agent, log
from tidenode.echo import Echo
from tidenode.update.trial import Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.clock import Clock
    from tidenode.uplink import Uplink

TIMEOUT_MS = 600_000  # a router takes minutes to start; the version before waits unharmed
_MESSAGE_BYTES_MAX = 512
tasks: "list[Any]" = []


def begin(thing: str, clock: "Clock", uplink: "Uplink") -> None:
    """Let the version that runs, or the MicroPython, prove itself beside the agent."""
    talk = uplink.talk
    if talk is None:
        from tidenode.talk import Talk

        talk = Talk(_MESSAGE_BYTES_MAX, log.warn)
        uplink.carry(talk)
    trial = Trial(
        echo=Echo(talk, thing).went_round,
        now_ms=clock.monotonic_ms,
        timeout_ms=TIMEOUT_MS,
        settle=_settle,
        give_up=_give_up,
    )
    tasks.append(asyncio.create_task(trial.run()))


def _settle() -> None:
    if slots.state()[2] == slots.TRIAL:
        slots.settle()
    if [note for note in os.listdir(slots.FOLDER) if note.startswith("switched.")]:
        image = _image()
        if image is not None and image.on_trial():
            image.settle()
    log.warn("the new version has proved itself")


def _give_up(why: str) -> None:
    log.warn("the new version is given up: %s" % why)
    if slots.state()[2] == slots.TRIAL:
        slots.end_trial(why)
    if agent.running is not None:
        agent.running.restart()  # of a MicroPython the boot loader takes care


def _image() -> "Any":
    try:
        from esp32 import Partition
    except ImportError:
        return None
    from tidenode.errors import UpdateRefusedError
    from tidenode.update.partition import ImageSlot

    try:
        return ImageSlot(
            Partition, slots.FOLDER, "%d.%d.%d" % tuple(sys.implementation.version[:3])
        )
    except UpdateRefusedError:
        return None
