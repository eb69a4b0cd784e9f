"""What a tag of a BACnet device names: an object and one of its properties."""

import re
from dataclasses import dataclass

from tidegate.errors import BusDownError, GateError, UnitSilentError

PRESENT_VALUE = "present-value"
_SHORT = {
    "ai": "analog-input", "ao": "analog-output", "av": "analog-value", "bi": "binary-input",
    "bo": "binary-output", "bv": "binary-value", "mi": "multi-state-input",
    "mo": "multi-state-output", "mv": "multi-state-value",
}  # fmt: skip
_PATTERN = re.compile(
    r"(?P<object>[a-z][a-z-]*?)[,: ]?(?P<instance>\d{1,7})(?:[ .](?P<property>[a-z][a-z0-9-]*))?"
)
_INSTANCE_MAX = 4_194_302


class BacnetError(GateError):
    """A device refuses, or an address that no device has."""


class BacnetSilentError(BacnetError, UnitSilentError):
    """The device does not answer."""


class BacnetTooLongError(BacnetError):
    """The device can't send an answer of that length: fewer objects may fit."""


class BacnetDownError(BacnetError, BusDownError):
    """Our own port is not open."""


@dataclass(frozen=True, slots=True)
class BacnetAddress:
    """An object as `analog-input,201`, and the name of a property."""

    object: str
    property: str = PRESENT_VALUE


def parse_address(text: str) -> BacnetAddress:
    """Return the address in `text`: `analog-input,201`, `ai201`, `av3 relinquish-default`.

    Raises `BacnetError` saying what an address looks like.
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    if match is None or int(match["instance"]) > _INSTANCE_MAX:
        raise BacnetError(f"{text!r} is no BACnet object, as in analog-input,201 or ai201")
    kind = _SHORT.get(match["object"], match["object"])
    return BacnetAddress(f"{kind},{int(match['instance'])}", match["property"] or PRESENT_VALUE)
