"""The function codes that write; those that read are the tables' numbers (`address.Table`)."""

from enum import IntEnum


class Function(IntEnum):
    """Modbus Application Protocol V1.1b3, section 6."""

    WRITE_COIL = 5
    WRITE_REGISTER = 6
    WRITE_COILS = 15
    WRITE_REGISTERS = 16
    MASK_WRITE = 22
