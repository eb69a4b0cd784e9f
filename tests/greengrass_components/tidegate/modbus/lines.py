"""Modbus servers to test against: pymodbus's own and ours, over TCP, RTU over TCP and a PTY."""

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Iterator, Sequence

from pymodbus import FramerType
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import ModbusSerialServer, ModbusTcpServer

from tidegate.group import Group
from tidegate.modbus.address import Table
from tidegate.simulators.free_port import free_port
from tidegate.simulators.modbus import ModbusServer, ModbusUnit
from tidegate.tag import Tag

SERVERS = ("ours", "pymodbus")
TRANSPORTS = ("tcp", "rtu+tcp")
# What every server of the contract holds: registers n hold 3 n, every third bit is set.
REGISTERS = [number * 3 for number in range(1_000)]
BITS = [number % 3 == 0 for number in range(1_000)]


def group_of(*tags: Tag, unit: str = "1", **options: str) -> Group:
    """Return a group of tags to read."""
    return Group(thing="t", measurement="m", unit=unit, tags=tags, options=options)


def tags_of(addresses: Sequence[str], kind: str = "") -> list[Tag]:
    """Return a tag for each address."""
    return [Tag(field=f"f{n}", address=address, type=kind) for n, address in enumerate(addresses)]


def filled_unit() -> ModbusUnit:
    """Return a unit of ours with the contract's values."""
    unit = ModbusUnit()
    for table in (Table.HOLDING, Table.INPUT):
        for number, value in enumerate(REGISTERS):
            unit.registers[table][number] = value
    for table in (Table.COIL, Table.DISCRETE):
        unit.bits[table][: len(BITS)] = bytes(BITS)
    return unit


@contextlib.asynccontextmanager
async def served(server: str, transport: str) -> AsyncIterator[str]:
    """Serve the contract's values as unit 1; yields the url."""
    if server == "ours":
        async with ModbusServer({1: filled_unit()}, rtu=transport != "tcp") as ours:
            yield f"{transport}://127.0.0.1:{ours.port}"
        return
    port = free_port()
    framer = FramerType.SOCKET if transport == "tcp" else FramerType.RTU
    theirs = ModbusTcpServer(_context(), framer=framer, address=("127.0.0.1", port))
    await theirs.serve_forever(background=True)
    try:
        yield f"{transport}://127.0.0.1:{port}"
    finally:
        await theirs.shutdown()


@contextlib.asynccontextmanager
async def served_on_pty() -> AsyncIterator[str]:
    """Serve them by pymodbus's serial server at one end of a line of two PTYs."""
    with _serial_line() as (device, far):
        theirs = ModbusSerialServer(_context(), framer=FramerType.RTU, port=far, baudrate=115_200)
        await theirs.serve_forever(background=True)
        try:
            yield f"rtu://{device}?baud_rate=115200&parity=N&timeout_ms=2000"
        finally:
            await theirs.shutdown()


@contextlib.contextmanager
def _serial_line() -> Iterator[tuple[str, str]]:
    """Join two PTYs by their masters, so that each end is a device with a path."""
    near, far = os.openpty(), os.openpty()
    loop = asyncio.get_running_loop()
    for pair in (near, far):
        tty.setraw(pair[1])
    for source, sink in ((near[0], far[0]), (far[0], near[0])):
        loop.add_reader(source, lambda a=source, b=sink: os.write(b, os.read(a, 4096)))
    try:
        yield os.ttyname(near[1]), os.ttyname(far[1])
    finally:
        for pair in (near, far):
            loop.remove_reader(pair[0])
            for end in pair:
                os.close(end)


def _context() -> ModbusServerContext:
    def block(values: Sequence[int]) -> ModbusSequentialDataBlock:
        return ModbusSequentialDataBlock(1, list(values))  # it counts from one

    device = ModbusDeviceContext(
        di=block([int(bit) for bit in BITS]), co=block([int(bit) for bit in BITS]),
        hr=block(REGISTERS), ir=block(REGISTERS),
    )  # fmt: skip
    return ModbusServerContext(devices={1: device}, single=False)
