"""Find out how this start is to be spent, by configuration and identity. Forgotten after that."""

import json
import time

from tidenode import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROOT = ""  # where the flash is mounted, for tests
HELD_MS = 1_000  # a button pressed so long is meant
_POLL_MS = 20


def choose(hardware: "Any", errand: "Callable[[], str]" = identity.errand) -> str:
    """Return `portal`, `claim`, `rotation`, `sleep`, `wake` (which was asleep) or nothing.

    Nothing is the agent. `hardware` is the module `machine`; `errand` raises ConfigError.
    """
    way = _configured(hardware)
    return way if way in ("portal", "wake") else errand() or way


def _configured(hardware: "Any") -> str:
    """Return what the configuration wants."""
    if hardware.reset_cause() == hardware.DEEPSLEEP_RESET:
        return "wake"
    try:
        with open(ROOT + "/config.json") as file:
            text = file.read()
    except OSError:
        return "portal"  # a first boot
    if '"portal"' not in text and '"sleep"' not in text:
        return ""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        return ""  # whoever reads it all will say what is wrong
    if document.get("wifi") == "portal" or _is_held(document.get("portal"), hardware):
        return "portal"
    return "sleep" if document.get("sleep") else ""


def _is_held(options: "Any", hardware: "Any") -> bool:
    """Return whether somebody holds the button, which is between the pin and ground."""
    pin = options.get("button_pin") if isinstance(options, dict) else None
    if type(pin) is not int:
        return False
    button = hardware.Pin(pin, hardware.Pin.IN, hardware.Pin.PULL_UP)
    for _ in range(HELD_MS // _POLL_MS):
        if button.value():
            return False
        time.sleep_ms(_POLL_MS)  # type: ignore[attr-defined]  # MicroPython's
    return True
