"""A chip on an I2C bus, whose errors name it: what the driver of one is built on."""

from tidenode.errors import SensorError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class I2cChip:
    """The chip `name` at `address` of `i2c`; both directions raise SensorError."""

    def __init__(self, i2c: "Any", address: int, name: str) -> None:
        self._i2c = i2c
        self._address = address
        self._name = name

    def write(self, data: bytes) -> None:
        """Write `data`: a command, or a register's number and what to put there."""
        try:
            self._i2c.writeto(self._address, data)
        except OSError as error:
            raise self.error(error)

    def read_into(self, buffer: bytearray, register: int = -1) -> None:
        """Fill `buffer`, from `register` on if the chip has such."""
        try:
            if register < 0:
                self._i2c.readfrom_into(self._address, buffer)
            else:
                self._i2c.readfrom_mem_into(self._address, register, buffer)
        except OSError as error:
            raise self.error(error)

    def error(self, what: object) -> SensorError:
        """Return what to raise: `what` went wrong, an error of the bus or words."""
        return SensorError("%s at 0x%02x: %r" % (self._name, self._address, what))
