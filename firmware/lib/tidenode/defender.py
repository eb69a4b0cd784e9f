"""Report to AWS IoT Device Defender how the board does.

Flow: agent -> [defender] -> talk
Loaded where the configuration has `control.defender_s`. It says what a board knows for sure: one
TCP connection, no open port, and its own counters as custom metrics. It counts no bytes.
https://docs.aws.amazon.com/iot-device-defender/latest/devguide/detect-device-side-metrics.html
"""

import asyncio
import gc
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.agent import Agent
    from tidenode.clock import Clock
    from tidenode.uplink import Uplink

_CHECK_MS = 5_000
_COUNTS = ("acknowledged", "connects", "dropped", "queued_batches")


async def report_for_ever(
    thing: str, agent: "Agent", uplink: "Uplink", clock: "Clock", period_s: int
) -> None:
    """Report each `period_s`, of which AWS wants 300 at the least, while there is a connection."""
    topic = "$aws/things/%s/defender/metrics/json" % thing
    while True:
        talk = uplink.talk
        rest_ms = _CHECK_MS
        if talk is not None and uplink.connected:
            # Seconds of the time as its number: it goes up, also over starts.
            document = report(clock.utc_ms() // 1_000, agent.stats(), clock.monotonic_ms() // 1_000)
            if talk.publish(topic, json.dumps(document)):
                rest_ms = period_s * 1_000
        await asyncio.sleep_ms(rest_ms)  # type: ignore[attr-defined]  # MicroPython's


def report(number: int, stats: "dict[str, Any]", uptime_s: int) -> "dict[str, Any]":
    """Return the document of a report; `number` is above that of the one before."""
    custom = {name: _number(stats[name]) for name in _COUNTS}
    custom["heap_free_bytes"] = _number(gc.mem_free())  # type: ignore[attr-defined]  # MicroPython's
    custom["uptime_s"] = _number(uptime_s)
    return {
        "header": {"report_id": number, "version": "1.0"},
        "metrics": {
            "listening_tcp_ports": {"ports": [], "total": 0},
            "tcp_connections": {"established_connections": {"total": 1}},
        },
        "custom_metrics": custom,
    }


def _number(value: int) -> "list[dict[str, int]]":
    return [{"number": value}]
