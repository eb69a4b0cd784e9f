"""Devices that answer nonsense: an error of ours, never a value, and never a crash."""

import asyncio
import random
from collections.abc import Callable

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.modbus.lines import group_of, tags_of
from tidegate.errors import GateError
from tidegate.modbus.adapter import ModbusAdapter
from tidegate.modbus.settings import read_settings

GROUP = group_of(*tags_of([f"holding:{n}" for n in range(4)]))
SOUND = bytes([0, 1, 0, 0, 0, 11, 1, 3, 8, 0, 1, 0, 2, 0, 3, 0, 4])


async def answers(mangle: Callable[[bytes], bytes], scheme: str = "tcp") -> object:
    """Return what the adapter makes of one mangled answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read(64)
        writer.write(mangle(request[:2] + SOUND[2:] if scheme == "tcp" else SOUND[6:]))
        await reader.read(64)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # pymodbus raises where asyncio only logs it
    adapter = ModbusAdapter(
        read_settings({"url": f"{scheme}://127.0.0.1:{port}", "timeout_ms": 40})
    )
    await adapter.connect()
    try:
        return (await adapter.poll(GROUP)).values
    finally:
        await adapter.close()
        server.close()


@in_loop
async def test_the_sound_answer_is_read() -> None:
    assert await answers(lambda data: data) == (1, 2, 3, 4)


@pytest.mark.parametrize("cut", range(len(SOUND)))
@in_loop
async def test_an_answer_cut_anywhere_is_an_error(cut: int) -> None:
    with pytest.raises(GateError):
        await answers(lambda data: data[:cut])


@pytest.mark.parametrize("scheme", ["tcp", "rtu+tcp"])
@pytest.mark.parametrize("seed", range(12))
@in_loop
async def test_random_bytes_are_an_error(seed: int, scheme: str) -> None:
    dice = random.Random(seed)
    with pytest.raises(GateError):
        await answers(lambda _: dice.randbytes(dice.randint(1, 300)), scheme)


@pytest.mark.parametrize("seed", range(25))
@in_loop
async def test_a_byte_that_changed_is_an_error_or_a_value_of_the_device(seed: int) -> None:
    """TCP has its own check sum; what passes it is no worse than a wrong value."""
    dice = random.Random(seed)

    def changed(data: bytes) -> bytes:
        mangled = bytearray(data)
        mangled[dice.randrange(9)] ^= 1 << dice.randrange(8)  # in the head
        return bytes(mangled)

    try:
        values = await answers(changed)
    except GateError:
        return
    assert isinstance(values, tuple)
    assert len(values) == 4
