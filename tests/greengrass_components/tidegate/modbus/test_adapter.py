"""The adapter and devices that refuse, are busy, silent, or late."""

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.modbus.lines import filled_unit, group_of, tags_of
from tidegate.errors import UnitSilentError
from tidegate.modbus.adapter import ModbusAdapter
from tidegate.modbus.address import Table
from tidegate.modbus.errors import ModbusError, ModbusExceptionError
from tidegate.modbus.function import Function
from tidegate.modbus.settings import read_settings
from tidegate.quality import Quality
from tidegate.simulators.modbus import ModbusServer, ModbusUnit
from tidegate.tag import Tag

EVERY_SECOND = [f"holding:{number}" for number in range(0, 100, 2)]


async def connected(server: ModbusServer, **settings: object) -> ModbusAdapter:
    scheme = "rtu+tcp" if server.rtu else "tcp"
    adapter = ModbusAdapter(
        read_settings({"url": f"{scheme}://127.0.0.1:{server.port}", "timeout_ms": 150, **settings})
    )
    await adapter.connect()
    return adapter


@in_loop
async def test_a_register_that_is_not_there_is_found_once_and_planned_around() -> None:
    unit = filled_unit()
    unit.absent.append((Table.HOLDING, 50, 51))
    async with ModbusServer({1: unit}) as server:
        adapter = await connected(server)
        group = group_of(*tags_of(EVERY_SECOND))
        assert len(adapter.plan(group)) == 1
        first = await adapter.poll(group)
        assert first.values[24:27] == (144, None, 156)  # the rest is there the first time already
        assert first.qualities is not None
        assert list(first.qualities).count(Quality.BAD) == 1
        searched = server.requests[1]
        assert searched <= 2 * 7 + 1
        assert adapter.plan(group) == [
            "read holding:0-48, 49 values, 24 of them unwanted",
            "read holding:52-98, 47 values, 23 of them unwanted",
        ]
        again = await adapter.poll(group)
        assert again.values == first.values
        assert server.requests[1] == searched + 2
        await adapter.close()


@in_loop
async def test_a_hole_that_can_not_be_read_is_left_out_and_no_tag_is_lost() -> None:
    unit = filled_unit()
    unit.absent.append((Table.HOLDING, 41, 41))
    async with ModbusServer({1: unit}) as server:
        adapter = await connected(server)
        group = group_of(*tags_of(EVERY_SECOND))
        for _ in range(4):
            sample = await adapter.poll(group)
            assert sample.qualities is None
        assert [line.split(",")[0] for line in adapter.plan(group)] == [
            "read holding:0-40", "read holding:42-98",
        ]  # fmt: skip
        await adapter.close()


@in_loop
async def test_a_device_that_takes_fewer_registers_gets_smaller_requests() -> None:
    unit = filled_unit()
    unit.registers_max = 60
    async with ModbusServer({1: unit}) as server:
        adapter = await connected(server)
        group = group_of(*tags_of([f"holding:{n}" for n in range(200)]))
        for _ in range(2):
            sample = await adapter.poll(group)
            assert sample.values == tuple(range(0, 600, 3))
        counts = [int(line.split(", ")[1].split()[0]) for line in adapter.plan(group)]
        assert max(counts) <= 60
        assert len(counts) <= 2 * -(-200 // 60)  # found by halves, so by a factor of two
        before = server.requests[1]
        await adapter.poll(group)
        assert server.requests[1] == before + len(counts)
        await adapter.close()


@in_loop
async def test_a_busy_device_costs_this_sample_and_not_the_plan() -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        adapter = await connected(server)
        group = group_of(*tags_of(EVERY_SECOND))
        server.faults.exceptions = 1.0
        sample = await adapter.poll(group)
        assert set(sample.values) == {None}
        assert sample.qualities == bytes([Quality.BAD]) * len(group.tags)
        server.faults.exceptions = 0.0
        assert (await adapter.poll(group)).qualities is None
        assert len(adapter.plan(group)) == 1
        await adapter.close()


@in_loop
async def test_one_block_without_an_answer_is_asked_for_again_and_spoils_no_other() -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        adapter = await connected(server)
        group = group_of(*tags_of(["coil:0", "discrete:0", "holding:1", "input:1"]))
        answer, lost = server.answer, iter([False, True, False, True, True, False])
        server.answer = lambda unit, pdu: (  # type: ignore[method-assign]  # faults at chosen places
            None if next(lost, False) else answer(unit, pdu)
        )
        sample = await adapter.poll(group)
        assert sample.values == (True, True, None, 3)
        await adapter.close()


@in_loop
async def test_a_unit_that_dies_within_a_reading_costs_three_timeouts_at_most() -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        adapter = await connected(server)
        blocks = [f"{table}:{n}" for table in ("holding", "input") for n in (0, 200, 400, 600)]
        group = group_of(*tags_of(["coil:0", *blocks]))
        answer = server.answer
        server.answer = lambda unit, pdu: (  # type: ignore[method-assign]  # it dies after one
            answer(unit, pdu) if pdu[0] == Table.COIL else None
        )
        with pytest.raises(UnitSilentError):
            await adapter.poll(group)
        assert adapter.health()["requests"] == 1 + 3
        await adapter.close()


@pytest.mark.parametrize("rtu", [False, True])
@in_loop
async def test_a_silent_unit_is_an_error_and_gets_less_time_when_asked_again(rtu: bool) -> None:
    async with ModbusServer({1: filled_unit(), 2: filled_unit()}, rtu=rtu) as server:
        adapter = await connected(server, timeout_ms=600)
        group = group_of(*tags_of(["holding:1"]), unit="2")
        server.faults.dead = {2}
        with pytest.raises(UnitSilentError, match="600 ms"):
            await adapter.poll(group)
        with pytest.raises(UnitSilentError, match="200 ms"):
            await adapter.poll(group)
        alive = await adapter.poll(group_of(*tags_of(["holding:2"])))
        assert alive.values == (6,)
        server.faults.dead = set()
        assert (await adapter.poll(group)).values == (3,)
        await adapter.close()


@in_loop
async def test_a_gateway_that_says_its_target_is_silent_is_a_silent_unit() -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        server.faults.dead, server.faults.target_silent = {1}, True
        adapter = await connected(server)
        with pytest.raises(UnitSilentError, match="exception 11"):
            await adapter.poll(group_of(*tags_of(["holding:1"])))
        await adapter.close()


@in_loop
async def test_an_answer_that_comes_too_late_is_not_taken_for_the_next() -> None:
    async with ModbusServer({1: filled_unit()}) as server:
        adapter = await connected(server, timeout_ms=60)
        server.faults.round_trip_ms = 100
        with pytest.raises(UnitSilentError):
            await adapter.poll(group_of(*tags_of(["holding:1"])))
        server.faults.round_trip_ms = 0
        for number in range(2, 30):
            sample = await adapter.poll(group_of(*tags_of([f"holding:{number}"])))
            assert sample.values == (3 * number,)
        await adapter.close()


@in_loop
async def test_bits_of_a_register_are_written_without_function_22_where_there_is_none() -> None:
    unit = ModbusUnit(functions=frozenset({3, 6}))
    unit.registers[Table.HOLDING][4] = 0xF00F
    async with ModbusServer({1: unit}) as server:
        adapter = await connected(server)
        tag = Tag(field="b", address="holding:4.4-7")
        await adapter.write(group_of(tag), "b", 5)
        assert unit.registers[Table.HOLDING][4] == 0xF05F
        explicit = Tag(field="b", address="holding:4.4", options={"write_function": "22"})
        with pytest.raises(ModbusExceptionError, match="exception 1"):
            await adapter.write(group_of(explicit), "b", True)
        assert Function.MASK_WRITE not in unit.functions
        await adapter.close()


@in_loop
async def test_what_can_not_be_written_is_refused_before_anything_is_sent() -> None:
    group = group_of(
        Tag(field="ro", address="input:1"),
        Tag(field="small", address="holding:1", type="int16"),
        Tag(field="steps", address="holding:2", type="uint16", scale=0.5),
        Tag(field="coil", address="coil:3"),
        Tag(field="text", address="holding:8", type="string", options={"length": "4"}),
        Tag(field="bcd", address="holding:12", type="bcd16"),
        Tag(field="float", address="holding:14", type="float32"),
    )
    async with ModbusServer({1: ModbusUnit()}) as server:
        adapter = await connected(server)
        for field, value in (
            ("ro", 1), ("small", 32_768), ("small", 1.5), ("small", "x"), ("small", None),
            ("steps", 0.3), ("steps", -0.5), ("coil", 2), ("text", "12345"), ("bcd", 10_000),
            ("bcd", -1), ("float", float("nan")), ("float", 1e39), ("nowhere", 1),
        ):  # fmt: skip
            with pytest.raises(ModbusError):
                await adapter.write(group, field, value)
        assert not server.requests
        await adapter.close()
