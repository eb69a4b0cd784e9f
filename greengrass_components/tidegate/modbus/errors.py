"""What goes wrong with Modbus."""

from tidegate.errors import GateError

# Modbus Application Protocol V1.1b3, section 7.
MEANINGS = {
    1: "illegal function: the device does not know this kind of request",
    2: "illegal data address: it has no such register",
    3: "illegal data value: it does not take this count or value",
    4: "device failure",
    5: "acknowledged, still at work",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "the gateway's target did not respond",
}
REFUSALS = (1, 2, 3)  # asking again the same way gets the same answer
TARGET_SILENT = (10, 11)  # said by a gateway for a unit behind it


class ModbusError(GateError):
    """Something about Modbus did not work."""


class ModbusExceptionError(ModbusError):
    """The device answered with an exception; `code` is its number."""

    def __init__(self, code: int, asked: str) -> None:
        super().__init__(f"{asked}: exception {code}, {MEANINGS.get(code, 'unknown to the norm')}")
        self.code = code
