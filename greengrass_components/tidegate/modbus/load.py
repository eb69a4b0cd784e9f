"""How busy a bus will be: predicted from the plan, before anything is deployed.

A request costs what its bytes take on the wire, the silence that is due, and the device's own
round trip; on TCP the bytes cost next to nothing. A bus has one request under way at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tidegate.modbus.group_plan import GroupPlan
from tidegate.modbus.planner import Block
from tidegate.modbus.settings import TCP, ModbusSettings

BUSY_PERCENT_MAX = 70.0  # above it, what is late once stays late for long
_TCP_HEAD_BYTES = 7
_RTU_FRAME_BYTES = 3  # unit, and check sum
_REQUEST_BYTES, _ANSWER_BYTES = 5, 2  # function, address, count; function, length


@dataclass(frozen=True, slots=True)
class BusLoad:
    """What the groups of one bus ask of it, together."""

    requests_s: float
    values_s: float
    bytes_s: float
    busy_percent: float


def load_of(settings: ModbusSettings, plans: Iterable[GroupPlan]) -> BusLoad:
    """Return the load that reading `plans` at their periods makes."""
    requests_s = values_s = bytes_s = busy = 0.0
    for plan in plans:
        polls_s = 1000 / plan.group.period_ms
        values_s += polls_s * len(plan.group.tags)
        for block in plan.blocks:
            requests_s += polls_s
            bytes_s += polls_s * sum(_bytes(settings, block))
            busy += polls_s * request_s(settings, block)
    return BusLoad(requests_s, values_s, bytes_s, 100 * busy)


def request_s(settings: ModbusSettings, block: Block) -> float:
    """Return how long one request keeps the bus busy."""
    return settings.wire_s(*_bytes(settings, block)) + settings.round_trip_ms / 1000


def _bytes(settings: ModbusSettings, block: Block) -> tuple[int, int]:
    frame = _TCP_HEAD_BYTES if settings.transport == TCP else _RTU_FRAME_BYTES
    data = -(-block.count // 8) if block.table.is_bits else 2 * block.count
    return frame + _REQUEST_BYTES, frame + _ANSWER_BYTES + data
