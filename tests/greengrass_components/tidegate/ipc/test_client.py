"""Our client: it comes back after its nucleus does, and says what is missing."""

import asyncio
import base64

import pytest

from tests.greengrass_components.tidegate.ipc.desk import GRANT_ALL, Desk
from tidegate.ipc import ConnectionLostError, IpcClient, IpcError, OperationError
from tidegate.ipc.limits import LITE


async def _until(is_so: object) -> None:
    assert callable(is_so)
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)


def test_subscriptions_come_back_with_the_nucleus() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL, "x": 1})
            got: asyncio.Queue[object] = asyncio.Queue()
            async with IpcClient(desk.socket_path, "t") as client:
                await client.subscribe("t", lambda _topic, message: got.put_nowait(message))
                await client.subscribe_to_iot_core("c", lambda _topic, data: got.put_nowait(data))
                await asyncio.to_thread(desk.restart)
                await _until(lambda: client.connects == 2)

                async def both() -> set[str]:
                    await client.publish("t", {"after": "restart"})
                    await client.publish_to_iot_core("c", b"z")
                    return {str(await asyncio.wait_for(got.get(), 10)) for _ in range(2)}

                assert await both() == {"{'after': 'restart'}", "b'z'"}

    asyncio.run(scene())


def test_a_subscription_that_waits_for_the_broker_holds_up_no_other_call() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL, "x": 1})
            desk.cloud.slow = True
            async with IpcClient(desk.socket_path, "t") as client:
                asking = asyncio.create_task(client.subscribe_to_iot_core("c", lambda *_: None))
                await _until(lambda: desk.cloud.asked)
                async with asyncio.timeout(10):
                    assert await client.configuration(["x"]) == {"x": 1}
                assert not asking.done()
                desk.call(desk.cloud.answers.set)
                await asking

    asyncio.run(scene())


def test_a_call_during_the_absence_fails_and_says_so() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL})
            async with IpcClient(desk.socket_path, "t") as client:
                await asyncio.to_thread(desk.run, desk.server.close())
                await _until(lambda: not client.connected)
                with pytest.raises(ConnectionLostError):
                    await client.publish("t", {})

    asyncio.run(scene())


def test_without_a_nucleus_it_says_how_to_start_one() -> None:
    async def scene() -> None:
        with pytest.raises(IpcError, match="tidectl gateway up"):
            IpcClient.from_environment({})
        with pytest.raises(ConnectionLostError, match="no nucleus at"):
            await IpcClient("/nonexistent/ipc.socket", "t").connect()

    asyncio.run(scene())


def test_hundreds_of_publishes_go_at_once_and_in_order() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL})
            async with IpcClient(desk.socket_path, "t") as client:
                await asyncio.gather(
                    *(
                        client.publish_to_iot_core("c", str(number).encode())
                        for number in range(500)
                    )
                )
            assert [int(one.payload) for one in desk.cloud.published] == list(range(500))

    asyncio.run(scene())


def test_operations_of_the_classic_nucleus_alone_are_errors_on_lite() -> None:
    async def scene() -> None:
        with Desk(LITE) as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL})
            async with IpcClient(desk.socket_path, "t") as client:
                for operation in ("GetSecretValue", "ListComponents", "PutComponentMetric"):
                    with pytest.raises(OperationError, match="ServiceError"):
                        await client.call(operation, {})

    asyncio.run(scene())


def test_a_receiver_that_fails_does_not_end_the_connection() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL})
            async with IpcClient(desk.socket_path, "t") as client:

                def fail(_topic: str, _message: object) -> None:
                    raise ValueError("a component's mistake")

                await client.subscribe("t", fail)
                await client.publish("t", {})
                await client.publish("t", {})
                assert client.connects == 1

    asyncio.run(scene())


def test_requests_that_make_no_sense_are_refused_by_name() -> None:
    async def scene() -> None:
        with Desk() as desk:
            desk.nucleus.add("a", "t", {"accessControl": GRANT_ALL})
            good = base64.b64encode(b"x").decode()
            wrong: list[tuple[str, dict[str, object]]] = [
                ("PublishToTopic", {"topic": "t"}),
                (
                    "PublishToTopic",
                    {"topic": "t", "publishMessage": {"binaryMessage": {"message": "%"}}},
                ),
                ("PublishToTopic", {"publishMessage": {"binaryMessage": {"message": good}}}),
                ("PublishToIoTCore", {"topicName": "a/#", "qos": "1", "payload": good}),
                ("PublishToIoTCore", {"topicName": "a", "qos": "2", "payload": good}),
                ("PublishToIoTCore", {"topicName": "a" * 300, "qos": "1"}),
                ("UpdateConfiguration", {"keyPath": ["x"], "timestamp": 1}),
                ("UpdateConfiguration", {"keyPath": "x", "timestamp": 1, "valueToMerge": {}}),
            ]
            async with IpcClient(desk.socket_path, "t") as client:
                for operation, document in wrong:
                    with pytest.raises(OperationError) as caught:
                        await client.call(operation, document)
                    assert caught.value.kind == "InvalidArgumentsError", (operation, document)

    asyncio.run(scene())
