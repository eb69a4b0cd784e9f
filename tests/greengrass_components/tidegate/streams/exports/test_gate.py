import asyncio

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.streams.exports.gate import Gate


async def _drain(gate: Gate, name: str, priority: int, count: int, order: list[str]) -> None:
    for _ in range(count):
        async with gate.slot(name, priority):
            order.append(name)
            await asyncio.sleep(0)
    await gate.rest(name)


@in_loop
async def test_a_higher_priority_drains_first() -> None:
    order: list[str] = []
    gate = Gate()
    await asyncio.gather(
        _drain(gate, "last", 11, 2, order),
        _drain(gate, "second", 2, 3, order),
        _drain(gate, "first", 1, 4, order),
    )
    assert order[:2] == ["last", "second"], "each was the highest when it came"
    assert order[2:] == ["first"] * 4 + ["second"] * 2 + ["last"]


@in_loop
async def test_one_that_rests_after_a_failure_holds_nobody_back() -> None:
    order: list[str] = []
    gate = Gate()
    async with gate.slot("first", 1):
        pass
    await gate.rest("first")
    async with asyncio.timeout(5):
        await _drain(gate, "last", 11, 2, order)
    assert order == ["last", "last"]


@in_loop
async def test_a_few_send_at_once_and_no_more() -> None:
    gate = Gate(sending_max=2)
    sending = most = 0

    async def send(name: str) -> None:
        nonlocal sending, most
        async with gate.slot(name, 5):
            sending += 1
            most = max(most, sending)
            await asyncio.sleep(0)
            sending -= 1
        await gate.rest(name)

    await asyncio.gather(*(send(str(number)) for number in range(10)))
    assert (most, sending) == (2, 0)
