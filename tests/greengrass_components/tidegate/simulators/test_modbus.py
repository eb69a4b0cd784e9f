"""The Modbus simulator, held to pymodbus's client, and what it does on purpose."""

import asyncio
import struct
import time

import pytest
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.modbus.lines import BITS, REGISTERS, filled_unit
from tidegate.modbus.address import Table
from tidegate.simulators.modbus import ModbusFaults, ModbusServer, ModbusUnit, check_sum


@pytest.mark.parametrize("rtu", [False, True])
@in_loop
async def test_pymodbus_reads_and_writes_by_every_function(rtu: bool) -> None:
    unit = filled_unit()
    written: list[tuple[Table, int, int]] = []
    unit.on_write = lambda *facts: written.append(facts)
    async with ModbusServer({1: unit}, rtu=rtu) as server:
        framer = FramerType.RTU if rtu else FramerType.SOCKET
        client = AsyncModbusTcpClient("127.0.0.1", port=server.port, framer=framer)
        await client.connect()
        assert (await client.read_coils(3, count=10)).bits[:10] == BITS[3:13]
        assert (await client.read_discrete_inputs(0, count=2000)).bits[:999] == BITS[:999]
        assert (await client.read_holding_registers(7, count=125)).registers == REGISTERS[7:132]
        assert (await client.read_input_registers(0, count=1)).registers == [0]
        assert not (await client.write_coil(1, True)).isError()
        assert not (await client.write_coils(8, [True] * 11)).isError()
        assert not (await client.write_register(5, 77)).isError()
        assert not (await client.write_registers(6, [1, 2, 3])).isError()
        masked = await client.mask_write_register(address=9, and_mask=0xF0, or_mask=0x05)
        assert not masked.isError()
        assert list(unit.registers[Table.HOLDING][5:10]) == [77, 1, 2, 3, (27 & 0xF0) | 5]
        assert list(unit.bits[Table.COIL][8:19]) == [1] * 11
        assert [count for _, _, count in written] == [1, 11, 1, 3, 1]
        client.close()


@in_loop
async def test_what_is_refused_has_the_exception_of_the_norm() -> None:
    unit = ModbusUnit(absent=[(Table.HOLDING, 10, 19)], registers_max=50)
    unit.functions -= {22}
    async with ModbusServer({1: unit}) as server:
        client = AsyncModbusTcpClient("127.0.0.1", port=server.port)
        await client.connect()
        assert (await client.read_holding_registers(5, count=6)).exception_code == 2
        assert (await client.read_holding_registers(65_530, count=7)).exception_code == 2
        assert (await client.read_holding_registers(100, count=51)).exception_code == 3
        refused = await client.mask_write_register(address=9, and_mask=1, or_mask=1)
        assert refused.exception_code == 1
        server.faults.exceptions = 1.0
        assert (await client.read_holding_registers(100, count=1)).exception_code == 4
        client.close()


@in_loop
async def test_every_request_of_one_segment_is_answered_in_order_each_a_round_trip_later() -> None:
    faults = ModbusFaults(round_trip_ms=20)
    async with ModbusServer({1: filled_unit()}, faults=faults) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        began_s = time.monotonic()
        for number in range(5):
            writer.write(struct.pack(">HHHBBHH", number, 0, 6, 1, 3, number, 1))
        for number in range(5):
            answer = await reader.readexactly(11)
            assert struct.unpack(">HHHBBBH", answer) == (number, 0, 5, 1, 3, 2, 3 * number)
        assert time.monotonic() - began_s >= 0.1
        writer.close()


@in_loop
async def test_what_is_no_modbus_ends_the_connection() -> None:
    async with ModbusServer({1: ModbusUnit()}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await reader.readexactly(1)
        writer.close()


def test_the_check_sum_is_that_of_the_norms_example() -> None:
    assert check_sum(bytes([0x02, 0x07])) == bytes([0x41, 0x12])
