"""A voltage at a pin."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Voltage:
    """What `volts()` returns."""

    def __init__(self, volts: "Callable[[], float]") -> None:
        self._volts = volts

    def microvolts(self) -> int:
        """Return it to the converter."""
        return round(self._volts() * 1_000_000)


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put half the voltage of a battery at its pin of `board`."""
    board.parts[options["pin"]] = Voltage(lambda: 1.7 + 0.4 * world.wave(0))
