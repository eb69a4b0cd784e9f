"""Answer a command: `{"command": "ping" | "read" | "stats", "measurement"?}`."""

import asyncio
import json

from tidenode.errors import NodeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tidenode.control.dispatcher import Control


async def take(control: "Control", topic: str, payload: bytes) -> None:
    """Publish the answer on `topic`/answer; what can't be done is answered with `error`."""
    try:
        answer = await answered(control, json.loads(payload))
    except (NodeError, ValueError) as error:
        answer = {"error": str(error) or repr(error)}
    except Exception as error:  # drivers are written by users: who asked is told whatever it is
        answer = {"error": repr(error)}
    control.talk.publish(topic + "/answer", json.dumps(answer))


async def answered(control: "Control", request: "Any") -> "dict[str, Any]":
    """Return the answer. Raises NodeError and what a sensor raises."""
    command = request.get("command") if isinstance(request, dict) else None
    if command == "ping":
        return {"pong": control.clock.monotonic_ms()}
    if command == "stats":
        return dict(control.agent.stats(), failures=control.uplink.failures)
    if command == "read":
        return await read(control, request.get("measurement"))
    raise NodeError("unknown command %r" % command)


async def read(control: "Control", measurement: object) -> "dict[str, Any]":
    """Return the values that the sensor has now, as texts, each by its field."""
    with open("/config.json") as file:
        entries = json.load(file)["measurements"]
    for entry in entries:
        if entry["name"] == measurement:
            driver = control.load("drivers." + entry["driver"])
            (sampler,) = [one for one in control.samplers if one.name == measurement]
            if sampler.rest_ms:
                raise NodeError("%s hung the board: it is left out for an hour" % measurement)
            wait_ms = sampler.begin()
            if wait_ms:
                await asyncio.sleep_ms(wait_ms + 1)  # type: ignore[attr-defined]  # MicroPython's
            if sampler.measure and not await sampler.measure(sampler):
                raise NodeError("%s did not measure" % measurement)
            began_ms = sampler.enter()  # or the start after would not know who hung
            try:
                values = sampler.sensor.read()
            finally:
                sampler.leave(began_ms)
            pairs = zip(driver.FIELDS, values)  # noqa: B905  # MicroPython has no strict
            return {name: decimal(value, decimals) for (name, decimals), value in pairs}
    raise NodeError("no measurement %r" % measurement)


def decimal(value: "int | None", decimals: int) -> "str | None":
    """Return `value` / 10**`decimals` as a text: floats would round it."""
    if value is None or not decimals:
        return value if value is None else str(value)
    sign, digits = "-" if value < 0 else "", str(abs(value))
    digits = "0" * (decimals + 1 - len(digits)) + digits
    return "%s%s.%s" % (sign, digits[:-decimals], digits[-decimals:])
