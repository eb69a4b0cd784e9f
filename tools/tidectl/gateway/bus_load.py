"""What a tag map will ask of a bus, predicted from its plan: requests, values, how busy it is.

A bus has one request under way at a time, so each keeps it busy for the device's round trip. Of
Modbus the bytes are known too, which count on a serial line.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tidegate.adapter_kind import LISTENS
from tidegate.group import Group
from tidegate.tag_map import Bus

ROUND_TRIP_MS = 5.0  # of a device in the same network, where nobody says more
_OVERLOADED_PERCENT = 100


def asked_load(plans: Mapping[Group, Sequence[str]], round_trip_ms: float | None) -> dict[str, Any]:
    """Return `load` and `overloaded` of groups whose plans have a line for each request."""
    wait_ms = ROUND_TRIP_MS if round_trip_ms is None else round_trip_ms
    requests_s = values_s = 0.0
    for group, lines in plans.items():
        asked = sum(not line.startswith(LISTENS) for line in lines)
        requests_s += asked * 1000 / group.period_ms
        values_s += len(group.tags) * 1000 / group.period_ms if asked else 0.0
    busy_percent = requests_s * wait_ms / 10
    load = {
        "requests_s": round(requests_s, 2),
        "values_s": round(values_s, 2),
        "bytes_s": None,
        "busy_percent": round(busy_percent, 2),
        "round_trip_ms": wait_ms,
    }
    return {"load": load, "overloaded": busy_percent > _OVERLOADED_PERCENT}


def modbus_load(bus: Bus, settings: dict[str, Any]) -> dict[str, Any]:
    """Return `load` and `overloaded` of a Modbus connection."""
    from tidegate.modbus.group_plan import GroupPlan  # noqa: PLC0415  only for a Modbus map
    from tidegate.modbus.load import load_of  # noqa: PLC0415  as above
    from tidegate.modbus.settings import read_settings  # noqa: PLC0415  as above

    known = read_settings(settings)
    load = load_of(known, [GroupPlan(group, known.limits, known.order) for group in bus.groups])
    facts = {name: round(value, 2) for name, value in asdict(load).items()}
    facts["round_trip_ms"] = known.round_trip_ms
    return {"load": facts, "overloaded": load.busy_percent > _OVERLOADED_PERCENT}
