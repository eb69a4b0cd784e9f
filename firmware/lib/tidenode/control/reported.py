"""Report what the board is, in the shadows `state` and `config`.

The settings go out once a start. Each later connection says the boot only, which has the cloud
send the delta again if there is one.
"""

import gc
import json
import sys

from tidenode.control import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.dispatcher import Control


def tell(control: "Control") -> None:
    """Publish both. Raises OSError."""
    _say(control, "state", json.dumps({"state": {"reported": state(control)}}))
    if control.on_trial:
        return
    if control.told:
        _say(control, "config", '{"state": {"reported": {"boot": %d}}}' % control.boot)
    else:
        with open(files.path("report")) as file:
            control.told = _say(control, "config", file.read())


def state(control: "Control") -> "dict[str, Any]":
    """Return the facts of this start and of this moment."""
    import machine

    stats = control.agent.stats()
    return {
        "boot": control.boot,
        "firmware": firmware_version(),
        "micropython": "%d.%d.%d" % tuple(sys.implementation.version[:3]),
        "reset_cause": machine.reset_cause() if hasattr(machine, "reset_cause") else 0,
        "heap_free_bytes": gc.mem_free(),  # type: ignore[attr-defined]  # MicroPython's
        "queued_batches": stats["queued_batches"],
        "safe_mode": stats["safe_mode"],
        "left_out": stats["left_out"],
        "uptime_s": control.clock.monotonic_ms() // 1_000,
        "config_version": (files.read("applied") or {}).get("version", 0),
    }


def firmware_version() -> str:
    """Return the version that the manifest of the program names."""
    try:
        with open(sys.path[0] + "/manifest") as file:
            return str(json.loads(file.readline())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def _say(control: "Control", shadow: str, document: str) -> bool:
    return control.talk.publish("%sshadow/name/%s/update" % (control.things, shadow), document)
