"""Bring a new version: `"file": {"stream", "version", "file", "bytes", "sha256"}`.

It succeeds in the start of the new version that has proved itself, fails where the board went
back, and is rejected where it is not for this board or not what was signed.
"""

import asyncio
import gc
import json
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.jobs import Job

_ALONE = "/update/alone"  # `tidenode.app` asks for it
_HEAP_FREE_MIN = 49_152  # on 64 bits: 20 KB for the code, 6 for a block, the rest for the others
_REASON_MAX = 200
_FOREVER_S = 86_400


async def run(job: "Job") -> "tuple[str, dict[str, str]]":
    """Return how it ended; where there is a version to start, the board is restarted instead."""
    control = job.control
    import slots  # type: ignore[import-not-found]  # beside main.py, not in lib

    # Before anything asks for heap: a start on trial has to be one with its sensors.
    await _after_trial(job, slots)
    told = await _told(job, slots)
    if told:
        return told
    gc.collect()
    if not control.agent.alone and gc.mem_free() < _HEAP_FREE_MIN:  # type: ignore[attr-defined]  # MicroPython's
        # The next start, and that one alone, leaves sensors and outbox out, which keeps what they
        # have said. Else a batch would find no heap to be encoded in.
        with open(_ALONE, "wb"):
            pass
        control.agent.restart()
        await asyncio.sleep(_FOREVER_S)
    from tidenode.update.errors import UpdateError, UpdateRefusedError

    try:
        from tidenode.update.bringing import bring_for

        version = await bring_for(job, slots)
    except UpdateRefusedError as error:
        return "REJECTED", {"reason": str(error)[:_REASON_MAX]}
    except UpdateError as error:
        return "FAILED", {"reason": str(error)[:_REASON_MAX]}
    finally:
        forget()
    if version:
        await job.restart({"step": "restart", "version": version})
    return "SUCCEEDED", {"step": "in force"}


def forget() -> None:
    """Give back the heap of what only an update needs."""
    for name in list(sys.modules):
        if name == "slots" or name.startswith("tidenode.update"):
            del sys.modules[name]
    sys.modules["tidenode"].__dict__.pop("update", None)
    gc.collect()


async def _after_trial(job: "Job", slots: "Any") -> None:
    """Return when no version is on trial: `tidenode.app` sees to the one that runs."""
    while True:
        slot, _, kind = slots.state()
        if kind != slots.TRIAL:
            return
        if slots.folder(slot) not in sys.path:  # the restart into it was broken off
            await job.control.restart()
            await asyncio.sleep(_FOREVER_S)
        await asyncio.sleep(1)


async def _told(job: "Job", slots: "Any") -> "tuple[str, dict[str, str]] | None":
    """Return how it ended where an earlier try says; None where there is more to do.

    So it takes no heap, and a report that was lost puts no version on trial twice.
    """
    slot, _, kind = slots.state()
    step, version = job.details.get("step"), job.details.get("version")
    if step == "restart" and job.restarted and version:
        if kind == slots.BACK and _version(slots.folder(slots.other(slot))) == version:
            step = "rolled back"
            await job.report({"step": step, "version": version, "why": slots.why()})
        elif kind == slots.GOOD and _version(slots.folder(slot)) == version:
            return "SUCCEEDED", {"step": "in force"}
    if step != "rolled back":
        return None
    why = str(job.details.get("why", ""))
    if kind == slots.BACK:
        slots.settle()  # it may be tried again, by who asks again
    reason = "version %s was rolled back: %s" % (version, why)
    return "FAILED", {"reason": reason[:_REASON_MAX]}


def _version(folder: str) -> str:
    """Return the version in a slot, nothing where there is none."""
    try:
        with open(folder + "/manifest") as file:
            return str(json.loads(file.readline())["version"])
    except (OSError, ValueError, KeyError):
        return ""
