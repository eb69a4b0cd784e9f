"""The adapter against real servers: one contract, each server, each transport."""

import asyncio
import contextlib

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.modbus.lines import (
    BITS,
    REGISTERS,
    SERVERS,
    TRANSPORTS,
    group_of,
    served,
    served_on_pty,
    tags_of,
)
from tidegate.errors import BusDownError
from tidegate.group import Group
from tidegate.modbus.adapter import ModbusAdapter
from tidegate.modbus.settings import read_settings
from tidegate.sample import Value
from tidegate.simulators.free_port import free_port
from tidegate.tag import Tag

LINES = [(server, transport) for server in SERVERS for transport in TRANSPORTS] + [("pty", "rtu")]


def line(server: str, transport: str) -> contextlib.AbstractAsyncContextManager[str]:
    return served_on_pty() if server == "pty" else served(server, transport)


async def connected(url: str) -> ModbusAdapter:
    adapter = ModbusAdapter(read_settings({"url": url}))
    await adapter.connect()
    return adapter


@pytest.mark.parametrize(("server", "transport"), LINES)
@in_loop
async def test_all_four_tables_are_read(server: str, transport: str) -> None:
    async with line(server, transport) as url:
        adapter = await connected(url)
        for table in ("holding", "input"):
            tags = tags_of([f"{table}:{number}" for number in range(0, 400, 3)])
            sample = await adapter.poll(group_of(*tags))
            assert sample.values == tuple(REGISTERS[0:400:3])
            assert sample.qualities is None
        for table in ("coil", "discrete"):
            tags = tags_of([f"{table}:{number}" for number in range(700)])
            assert (await adapter.poll(group_of(*tags))).values == tuple(BITS[:700])
        await adapter.close()


@pytest.mark.parametrize(("server", "transport"), LINES)
@in_loop
async def test_what_is_written_is_read_back(server: str, transport: str) -> None:
    group = group_of(
        Tag(field="coil", address="coil:1"),
        Tag(field="coil_15", address="coil:4", options={"write_function": "15"}),
        Tag(field="word", address="holding:10", type="int16", scale=0.1),
        Tag(field="word_16", address="holding:11", options={"write_function": "16"}),
        Tag(field="float", address="holding:12", type="float32", options={"order": "CDAB"}),
        Tag(field="bit", address="holding:14.5"),
        Tag(field="bits", address="holding:14.8-11"),
        Tag(field="name", address="holding:20", type="string", options={"length": "8"}),
        Tag(field="bcd", address="holding:30", type="bcd32"),
    )
    wanted: dict[str, Value] = {
        "coil": True, "coil_15": True, "word": -12.3, "word_16": 65_535, "float": 1.5,
        "bit": True, "bits": 9, "name": "pump 7", "bcd": 12_345_678,
    }  # fmt: skip
    async with line(server, transport) as url:
        adapter = await connected(url)
        for field, value in wanted.items():
            await adapter.write(group, field, value)
        sample = await adapter.poll(group)
        assert dict(zip(wanted, sample.values, strict=True)) == wanted
        await adapter.write(group, "bit", False)
        register = await adapter.poll(group_of(Tag(field="r", address="holding:14")))
        assert register.values == ((REGISTERS[14] & ~(0xF << 8) & ~(1 << 5)) | 9 << 8,)
        await adapter.close()


@in_loop
async def test_a_server_that_goes_is_told_from_a_unit_that_is_silent() -> None:
    group: Group = group_of(*tags_of(["holding:0"]))
    async with served("ours", "tcp") as url:
        adapter = await connected(url)
        await adapter.poll(group)
    await asyncio.sleep(0)
    with pytest.raises(BusDownError):
        await adapter.poll(group)
    with pytest.raises(BusDownError, match="no connection"):
        await adapter.connect()
    await adapter.close()


@pytest.mark.parametrize(
    "url", ["tcp://127.0.0.1:{}", "rtu+tcp://127.0.0.1:{}", "rtu:///dev/none{}"]
)
@in_loop
async def test_nobody_there_is_an_error_that_says_what_to_look_at(url: str) -> None:
    with pytest.raises(BusDownError, match=r"no connection to .*(is the device on|dialout|none)"):
        await connected(url.format(free_port()))
