"""A Bosch BMP280: a BME280 of another kind."""

import bme280

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_BMP280 = 0x58  # what the register of its kind says


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a BMP280 on `board`."""
    board.chips[world.place(options)] = bme280.Bme280(world.weather, world.now_ms, _BMP280)
