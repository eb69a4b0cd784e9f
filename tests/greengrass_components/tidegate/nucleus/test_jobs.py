"""Deployments by the cloud route: what is wrong with one is told there, and ends no other."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.ipc.ports import CloudMessage
from tidegate.nucleus.device_cloud import DeviceCloud
from tidegate.nucleus.iot_core import IotCore
from tidegate.nucleus.jobs import Jobs
from tidegate.nucleus.nucleus import Nucleus
from tidegate.nucleus.settings import Settings


class Cloud:
    """Keeps what is published; `hear` tells of a job."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def publish(self, message: CloudMessage) -> None:
        self.told.append((message.topic, json.loads(message.payload)))

    async def subscribe(
        self, topic_filter: str, qos: int, deliver: Callable[[CloudMessage], None]
    ) -> Callable[[], Awaitable[None]]:
        raise NotImplementedError(topic_filter, qos, deliver)


@pytest.mark.parametrize(
    "document", [{}, {"components": ["a"]}, {"components": {"a": {}}}, "none"], ids=repr
)
@in_loop
async def test_a_job_whose_document_is_broken_fails_and_says_so(
    tmp_path: Path, document: Any
) -> None:
    settings, cloud = Settings(root=tmp_path, thing="g1"), Cloud()
    jobs = Jobs(
        settings=settings, nucleus=Nucleus(settings), cloud=DeviceCloud(settings),
        iot_core=cast("IotCore", cloud),
    )  # fmt: skip
    await jobs._carry_out({"jobId": "gg-1", "jobDocument": document})
    states = [told["status"] for topic, told in cloud.told if topic.endswith("/gg-1/update")]
    assert states == ["IN_PROGRESS", "FAILED"]
    _, last = cloud.told[-1]
    assert "document is broken" in last["statusDetails"]["deployment-failure-cause"]
