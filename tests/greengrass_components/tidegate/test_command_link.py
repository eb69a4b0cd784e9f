"""Commands over a real IPC server, from the local bus and from the cloud, and their answers."""

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tests.greengrass_components.tidegate.test_writing import bench
from tidegate.command_link import CommandLink, CommandsFrom
from tidegate.ipc import IpcClient

WRITE = {
    "command": "write", "thing": "gw-1:heater", "measurement": "heater", "field": "run",
    "value": True,
}  # fmt: skip
WAIT_S = 10.0


@in_loop
async def test_commands_are_answered_on_the_way_they_came(tmp_path: Path) -> None:
    with Desk() as desk:
        desk.nucleus.add("adapter", "a", {"accessControl": GRANT_ALL})
        desk.nucleus.add("operator", "o", {"accessControl": GRANT_ALL})
        async with (
            bench(tmp_path / "log") as it,
            IpcClient(desk.socket_path, "a") as adapter,
            IpcClient(desk.socket_path, "o") as operator,
        ):
            link = CommandLink(adapter, "gw-1", it.writing)
            await link.open(CommandsFrom.BOTH)
            answers: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
            await operator.subscribe(
                "tidegauge/commands/+/answer",
                lambda topic, message: answers.put_nowait((topic, _object(message))),
            )
            await operator.subscribe_to_iot_core(
                "cmd/tidegauge/gw-1/+/answer",
                lambda topic, data: answers.put_nowait((topic, json.loads(data))),
            )

            async def answer() -> tuple[str, str, bool]:
                topic, document = await asyncio.wait_for(answers.get(), WAIT_S)
                return topic, document["outcome"], document["repeated"]

            # By the machine's clock, which the bench's own does not follow.
            lasting = WRITE | {"issued_at_ms": it.now_ms, "ttl_ms": 3_600_000}
            await operator.publish("elsewhere/commands/k1", {})  # nobody hears it
            await operator.publish("tidegauge/commands/k1", lasting)
            assert await answer() == ("tidegauge/commands/k1/answer", "done", False)
            cloud = "cmd/tidegauge/gw-1/k1"
            await operator.publish_to_iot_core(cloud, json.dumps(lasting).encode())
            assert await answer() == (f"{cloud}/answer", "done", True)
            await operator.publish_to_iot_core("cmd/tidegauge/gw-1/k2", b"no JSON")
            assert await answer() == ("cmd/tidegauge/gw-1/k2/answer", "refused", False)
            assert it.device.written == [("run", True)]
            assert [facts["source"] for _, facts in it.audit] == ["local", "cloud"]

            # What names another component's thing is that one's to answer.
            await operator.publish("tidegauge/commands/k3", lasting | {"thing": "gw-1:other"})
            await operator.publish("tidegauge/commands/k4", lasting)
            assert (await answer())[0] == "tidegauge/commands/k4/answer"
            await link.close()
            await operator.publish("tidegauge/commands/k5", lasting)
            await operator.publish(
                "tidegauge/commands/k6/answer", {"outcome": "end", "repeated": 0}
            )
            assert await answer() == ("tidegauge/commands/k6/answer", "end", 0)


def _object(message: Any) -> dict[str, Any]:
    return dict(json.loads(message) if isinstance(message, bytes) else message)
