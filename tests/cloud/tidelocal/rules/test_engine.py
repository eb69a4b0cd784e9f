"""Which rules a message reaches, and what its sender hears."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from tests.cloud.tidelocal.rules.services import Recorder
from tidelocal.errors import ServiceCallError
from tidelocal.host import Publish
from tidelocal.rules import RuleEngine, RuleRefusedError
from tidelocal.rules.engine import REPUBLISH_DEPTH_MAX
from tidelocal.rules.errors import UndeliveredError

ACCOUNT, REGION = "000000000000", "us-east-1"


class Rules:
    """An engine over definitions that a test changes."""

    def __init__(self, services: Recorder) -> None:
        self.definitions: list[tuple[str, str, dict[str, Any]]] = []
        self.engine = RuleEngine(
            services=services,
            definitions=lambda: self.definitions,
            clock_ms=lambda: 1_790_000_000_000,
            flush=services.flush,
        )

    def put(self, name: str, sql: str, *, region: str = REGION, **more: Any) -> None:
        actions = [{"sqs": {"queueUrl": name, "roleArn": "r"}}]
        self.definitions.append(
            (ACCOUNT, region, {"ruleName": name, "sql": sql, "actions": actions, **more})
        )
        self.engine.reload()


def _publish(topic: str, region: str = REGION) -> Publish:
    return Publish(ACCOUNT, region, topic, b"{}", "thing", "cert", "trace", "192.0.2.7")


def _run(work: Awaitable[None]) -> None:
    async def wait() -> None:
        await work

    asyncio.run(wait())


def _reached(services: Recorder) -> list[str]:
    return sorted(call["queue_url"] for kind, call in services.calls if kind == "send_message")


def test_a_message_reaches_the_rules_of_its_topic_account_and_region() -> None:
    services = Recorder()
    rules = Rules(services)
    rules.put("one", "SELECT * FROM 'a/+'")
    rules.put("two", "SELECT * FROM 'a/b'")
    rules.put("other_topic", "SELECT * FROM 'b/+'")
    rules.put("elsewhere", "SELECT * FROM 'a/b'", region="eu-west-1")
    rules.put("disabled", "SELECT * FROM 'a/b'", ruleDisabled=True)
    rules.put("ingest_only", "SELECT *")
    _run(rules.engine.on_publish(_publish("a/b")))
    assert _reached(services) == ["one", "two"]
    assert rules.engine.matched == 2


def test_a_message_without_rules_is_done_with() -> None:
    rules = Rules(Recorder())
    _run(rules.engine.on_publish(_publish("a/b")))
    rules.put("one", "SELECT * FROM 'a'")
    _run(rules.engine.on_publish(_publish("a/b", region="eu-west-1")))
    assert rules.engine.matched == 0


def test_basic_ingest_reaches_the_one_rule_it_names_whatever_its_filter() -> None:
    services = Recorder()
    rules = Rules(services)
    rules.put("one", "SELECT * FROM 'a/+'")
    rules.put("two", "SELECT *")
    _run(rules.engine.on_ingest(_publish("some/where"), "two"))
    assert _reached(services) == ["two"]


@pytest.mark.parametrize("name", ["absent", "", "ONE"])
def test_basic_ingest_to_no_rule_is_undelivered(name: str) -> None:
    rules = Rules(Recorder())
    rules.put("one", "SELECT *")
    with pytest.raises(UndeliveredError, match="there is no such rule: deploy the stack first"):
        _run(rules.engine.on_ingest(_publish("a"), name))
    assert rules.engine.undelivered == 1


def test_basic_ingest_to_a_disabled_rule_is_counted() -> None:
    services = Recorder()
    rules = Rules(services)
    rules.put("one", "SELECT *", ruleDisabled="true")
    _run(rules.engine.on_ingest(_publish("a"), "one"))
    assert (rules.engine.ignored, services.calls) == (1, [])


def test_a_message_that_one_rule_could_not_deliver_still_reaches_the_others() -> None:
    gone = ServiceCallError("kinesis", "Gone", "s")
    services = Recorder(put_record=gone, put_object=gone)
    rules = Rules(services)
    to_stream = {"kinesis": {"streamName": "s", "partitionKey": "k", "roleArn": "r"}}
    to_bucket = {"s3": {"bucketName": "b", "key": "k", "roleArn": "r"}}
    rules.put("bad", "SELECT * FROM 'a'", actions=[to_stream], errorAction=to_bucket)
    rules.put("good", "SELECT * FROM 'a'")
    with pytest.raises(UndeliveredError, match="rule bad"):
        _run(rules.engine.on_publish(_publish("a")))
    assert _reached(services) == ["good"]


def test_a_deleted_rule_gets_nothing_more() -> None:
    services = Recorder()
    rules = Rules(services)
    rules.put("one", "SELECT * FROM 'a'")
    rules.definitions.clear()
    rules.engine.reload()
    _run(rules.engine.on_publish(_publish("a")))
    assert services.calls == []


def test_a_kept_rule_that_does_not_run_any_more_leaves_the_others_alone() -> None:
    services = Recorder()
    rules = Rules(services)
    rules.put("old", "SELECT CASE a WHEN 1 THEN 2 END AS b FROM 'a'")
    rules.put("one", "SELECT * FROM 'a'")
    _run(rules.engine.on_publish(_publish("a")))
    assert _reached(services) == ["one"]
    with pytest.raises(UndeliveredError):
        _run(rules.engine.on_ingest(_publish("a"), "old"))


def test_check_refuses_without_changing_anything() -> None:
    rules = Rules(Recorder())
    with pytest.raises(RuleRefusedError):
        rules.engine.check("one", {"sql": "SELECT bogus( FROM 'a'", "actions": []})
    rules.engine.check("one", {"sql": "SELECT a FROM 'a'", "actions": []})
    with pytest.raises(UndeliveredError):
        _run(rules.engine.on_ingest(_publish("a"), "one"))


class Loop(Recorder):
    """A broker that hands what is republished straight back to the rules."""

    rules: Rules

    async def publish(
        self, account: str, region: str, topic: str, payload: bytes, **call: Any
    ) -> None:
        await super().publish(account, region, topic, payload, **call)
        await self.rules.engine.on_publish(_publish(topic))


def test_rules_that_feed_each_other_end_at_a_named_depth() -> None:
    services = Loop()
    services.rules = rules = Rules(services)
    to_other = {"republish": {"topic": "b", "roleArn": "r"}}
    back = {"republish": {"topic": "a", "roleArn": "r"}}
    rules.put("there", "SELECT * FROM 'a'", actions=[to_other])
    rules.put("back", "SELECT * FROM 'b'", actions=[back])
    _run(rules.engine.on_publish(_publish("a")))
    assert rules.engine.matched == REPUBLISH_DEPTH_MAX
    assert rules.engine.failed == 1
