"""A pin that is read, as configurations name it. Needed at the start only."""

from tidenode.config import REQUIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.config import Spec

OPTIONS: "Spec" = (
    ("pin", int, REQUIRED, 0, 48),
    ("pull_up", bool, True, 0, 1),
    ("pull_down", bool, False, 0, 1),  # instead, where pull_up is false
    ("debounce_ms", int, 0, 0, 1_000),  # an edge so soon after one that counted is its bouncing
)


def open_pin(options: "dict[str, Any]", hardware: "Any") -> "Any":
    """Return the pin that `options` describe."""
    pin = hardware.Pin
    pull = None
    if options["pull_up"]:
        pull = pin.PULL_UP
    elif options["pull_down"]:
        pull = pin.PULL_DOWN
    return pin(options["pin"], pin.IN, pull)
