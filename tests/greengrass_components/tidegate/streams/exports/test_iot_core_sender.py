import json
from collections.abc import Callable

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.streams.manager import TOKEN, Manager
from tests.local_cloud import CloudProcess, wait_for
from tidegate.streams import StreamClient


@in_loop
async def test_messages_reach_the_rules_of_the_cloud(
    exporting: Callable[..., Manager], local_cloud: CloudProcess
) -> None:
    sqs, iot = local_cloud.client("sqs"), local_cloud.client("iot")
    queue_url = sqs.create_queue(QueueName="stream-export")["QueueUrl"]
    iot.create_topic_rule(
        ruleName="stream_export",
        topicRulePayload={
            "sql": "SELECT n, topic() AS t FROM 'plant/+/values'",
            "actions": [
                {"sqs": {"queueUrl": queue_url, "roleArn": local_cloud.role("exports", "iot")}}
            ],
        },
    )
    manager = exporting(iotdata=local_cloud.facts["http_url"])
    export = {"identifier": "i", "topic": "plant/a b/values"}
    async with await StreamClient.connect(port=manager.port, token=TOKEN) as client:
        await client.create(
            {"name": "s", "strategyOnFull": 0, "exportDefinition": {"iotCore": [export]}}
        )
        await client.append("s", b" " * 200_000)  # AWS IoT takes 128 KB
        await client.append_many("s", [b'{"n": %d}' % number for number in range(5)])
        found: list[str] = []

        def all_there() -> bool:
            answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)
            found.extend(message["Body"] for message in answer.get("Messages", []))
            return len(found) >= 5

        wait_for("the messages", all_there)
        values = [json.loads(body) for body in found]
        assert sorted(value["n"] for value in values) == [0, 1, 2, 3, 4]
        assert {value["t"] for value in values} == {"plant/a b/values"}
        described = await client.describe("s")
        assert described["definition"]["exportDefinition"]["iotCore"] == [export]
