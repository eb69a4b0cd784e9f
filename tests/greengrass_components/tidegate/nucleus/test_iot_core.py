"""The gateway's connection to the cloud: what waits, what is refused, what is lost as on lite."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.client import MQTTMessage

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.nucleus.root import until
from tests.local_cloud import CloudProcess
from tidegate.ipc.errors import OperationError
from tidegate.ipc.ports import CloudMessage
from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.iot_core import INCOMING_MAX, IotCore, tls_context
from tidegate.nucleus.settings import Settings

POLICY = "nucleus-iot-core"


@pytest.fixture(scope="module")
def settings(local_cloud: CloudProcess, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Of a thing that may do everything below `nuc/`, and nothing else."""
    base = f"arn:aws:iot:{local_cloud.facts['region']}:{local_cloud.facts['account']}:"
    local_cloud.policy(
        POLICY,
        {"Action": "iot:Connect", "Resource": "*"},
        {"Action": ["iot:Publish", "iot:Receive"], "Resource": f"{base}topic/nuc/*"},
        {"Action": "iot:Subscribe", "Resource": f"{base}topicfilter/nuc/*"},
    )
    certificate = local_cloud.provision("nuc-1", POLICY)
    return Settings(
        root=tmp_path_factory.mktemp("root"),
        thing="nuc-1",
        certificate_path=str(certificate.certificate_path),
        key_path=str(certificate.key_path),
        root_ca_path=local_cloud.facts["ca_path"],
        mqtt_host=local_cloud.facts["mqtt_host"],
        mqtt_port=local_cloud.facts["mqtt_port"],
    )


def play(
    settings: Settings,
    scene: Callable[[IotCore], Awaitable[Any]],
    make: Callable[[Settings], IotCore] = IotCore,
) -> None:
    """Run `scene` with a connection that runs beside it."""

    async def run() -> None:
        iot_core = make(settings)
        task = asyncio.create_task(iot_core.run())
        try:
            async with asyncio.timeout(20):
                await scene(iot_core)
        finally:
            task.cancel()
            await asyncio.wait({task})

    asyncio.run(run())


def test_what_was_published_before_the_connection_arrives_after_it(settings: Settings) -> None:
    async def scene(iot_core: IotCore) -> None:
        got: list[bytes] = []
        await iot_core.subscribe("nuc/a/+", 1, lambda message: got.append(message.payload))
        for number in range(5):
            await iot_core.publish(CloudMessage("nuc/a/b", str(number).encode()))
        await iot_core.connected.wait()
        await until(lambda: len(got) == 5)
        assert got == [b"0", b"1", b"2", b"3", b"4"]
        await iot_core.publish(CloudMessage("nuc/a/b", b"5"))
        await until(lambda: got[-1] == b"5")
        assert (iot_core.published, iot_core.dropped) == (6, 0)

    play(settings, scene)


def test_what_a_broker_did_not_acknowledge_goes_again_on_the_same_connection(
    settings: Settings,
) -> None:
    async def scene(iot_core: IotCore) -> None:
        got: list[bytes] = []
        await iot_core.subscribe("nuc/c", 1, lambda message: got.append(message.payload))
        await iot_core.connected.wait()
        await iot_core.publish(CloudMessage("nuc/c", b"0"))
        await until(lambda: got == [b"0"])
        iot_core._put_by(CloudMessage("nuc/c", b"1"), "no PUBACK")
        await until(lambda: got == [b"0", b"1"])

    play(settings, scene)


def test_who_subscribes_while_the_others_are_renewed_is_not_forgotten(settings: Settings) -> None:
    got: list[bytes] = []

    class Interrupted(IotCore):
        async def _renew(self, client: aiomqtt.Client, topic_filter: str, qos: int) -> None:
            await super()._renew(client, topic_filter, qos)
            if topic_filter == "nuc/first":
                await self.subscribe("nuc/late", 1, lambda message: got.append(message.payload))

    async def scene(iot_core: IotCore) -> None:
        await iot_core.subscribe("nuc/first", 1, lambda _: None)
        await iot_core.connected.wait()
        await iot_core.publish(CloudMessage("nuc/late", b"0"))
        await until(lambda: got == [b"0"])

    play(settings, scene, Interrupted)


def test_a_full_spool_drops_the_oldest_and_counts(settings: Settings) -> None:
    async def scene(iot_core: IotCore) -> None:
        for number in range(25):
            await iot_core.publish(CloudMessage(f"nuc/{number}", bytes(120_000)))
        assert iot_core.dropped == 4  # 2,621,440 bytes hold 21
        with pytest.raises(OperationError, match="away"):
            await iot_core.publish(CloudMessage("nuc/x", bytes(3_000_000)))

    play(replace(settings, mqtt_host=""), scene)


def test_lite_refuses_at_once_what_it_can_not_send(settings: Settings) -> None:
    async def scene(iot_core: IotCore) -> None:
        for attempt in (
            iot_core.publish(CloudMessage("nuc/a", b"x")),
            iot_core.subscribe("nuc/#", 1, lambda _: None),
        ):
            with pytest.raises(OperationError, match="ServiceError: the broker is away"):
                await attempt

    play(replace(settings, nucleus="lite", mqtt_host=""), scene)


def test_lite_takes_ten_publishes_at_a_time_and_loses_long_messages(settings: Settings) -> None:
    async def scene(iot_core: IotCore) -> None:
        got: list[int] = []
        await iot_core.connected.wait()
        await iot_core.subscribe("nuc/#", 1, lambda message: got.append(len(message.payload)))
        outcomes = await asyncio.gather(
            *(iot_core.publish(CloudMessage("nuc/a", b"x")) for _ in range(11)),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, OperationError)]
        assert [str(one) for one in refused] == ["ServiceError: 10 publishes wait already"]
        await iot_core.publish(CloudMessage("nuc/a", bytes(4_901)))
        await iot_core.publish(CloudMessage("nuc/a", bytes(4_900)))
        await until(lambda: 4_900 in got)
        assert (iot_core.lost_incoming, 4_901 in got) == (1, False)

    play(replace(settings, nucleus="lite"), scene)


def test_a_filter_that_the_policy_refuses_does_not_keep_the_gateway_away(
    settings: Settings,
) -> None:
    async def scene(iot_core: IotCore) -> None:
        got: list[bytes] = []
        await iot_core.subscribe("forbidden/#", 1, lambda _: None)
        await iot_core.subscribe("nuc/a", 1, lambda message: got.append(message.payload))
        async with asyncio.timeout(15):
            await iot_core.connected.wait()
        await iot_core.publish(CloudMessage("nuc/a", b"here"))
        await until(lambda: got == [b"here"])

    play(settings, scene)


@pytest.mark.parametrize(("size", "taken"), [(10, INCOMING_MAX), (100_000, 84)])
@in_loop
async def test_what_comes_faster_than_it_is_taken_is_dropped_and_counted(
    settings: Settings, size: int, taken: int
) -> None:
    iot_core = IotCore(settings)
    client = iot_core._dial(tls_context(settings))
    for number in range(INCOMING_MAX + 5):
        message = MQTTMessage(number, b"nuc/a")
        message.payload = bytes(size)
        client._on_message(client._client, None, message)  # as its socket has it
    assert len(client.messages) == taken
    assert iot_core.counts()["incomingDropped"] == INCOMING_MAX + 5 - taken


def test_a_certificate_that_can_not_be_read_is_told_before_any_dial(tmp_path: Path) -> None:
    with pytest.raises(NucleusError, match=r"certificate of g1 can't be used"):
        tls_context(Settings(root=tmp_path, thing="g1", root_ca_path=str(tmp_path / "absent")))
