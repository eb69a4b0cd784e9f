"""Deploying by change set: known before, told while, taken back when it fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.local_process import LocalProcess
from tidectl.project import TELEMETRY_SQL
from tidectl.stack import Change, Event, Stack, deploy, first_plan
from tidectl.target import STACK_NAME, Target, local_target

RULE = "tidegauge_telemetry"


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Target]:
    """A local cloud of the test's own in which nothing is deployed."""
    process = LocalProcess(Home(tmp_path / "home"))
    facts = process.start(http_port=0, mqtt_port=0, store_port=0)
    yield local_target(facts)
    psutil.Process(facts.pid).kill()


def seen(target: Target) -> dict[str, Any]:
    """Return what a deployment could change."""
    client = target.client("cloudformation")
    stack = target.stack()
    return {
        "stack": stack and {**stack, "ResponseMetadata": None},
        "change sets": client.list_change_sets(StackName=STACK_NAME)["Summaries"] if stack else [],
        "buckets": [item["Name"] for item in target.client("s3").list_buckets()["Buckets"]],
        "rules": target.client("iot").list_topic_rules()["rules"],
    }


def test_a_first_plan_names_every_resource_and_asks_no_cloud() -> None:
    changes = first_plan({"StoreScheme": "http"})
    assert Change("Add", "TelemetryRule", "AWS::IoT::TopicRule") in changes
    assert {change.action for change in changes} == {"Add"}
    assert "QuarantineBucketPolicy" not in {change.resource for change in changes}


def test_a_plan_of_a_first_deployment_makes_nothing_and_comes_true(empty: Target) -> None:
    before = seen(empty)
    plan = Stack(empty).plan()
    assert seen(empty) == before
    deploy(empty)
    client = empty.client("cloudformation")
    made = client.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    assert {(item["LogicalResourceId"], item["ResourceType"]) for item in made} == {
        (change.resource, change.type) for change in plan
    }


def test_deploying_again_changes_nothing(deployed: Target) -> None:
    deploy(deployed)  # the checkout as it is now
    before = seen(deployed)
    events: list[Event] = []
    assert Stack(deployed).plan() == ()
    assert deploy(deployed, on_event=events.append).changes == ()
    assert events == []
    assert seen(deployed) == before


def test_a_plan_of_an_update_names_what_would_change_and_changes_nothing(deployed: Target) -> None:
    before = seen(deployed)
    changes = Stack(deployed, {"LogRetentionDays": "7"}).plan()
    assert {change.action for change in changes} == {"Modify"}
    assert {"IngestLog", "QueryLog", "ApiLog"} <= {change.resource for change in changes}
    assert seen(deployed) == before


def test_a_parameter_stays_as_it_was_until_it_is_given_again(empty: Target) -> None:
    deploy(empty, {"LogRetentionDays": "7"})
    assert deploy(empty).changes == ()
    assert Stack(empty, {"LogRetentionDays": "7"}).plan() == ()
    assert deploy(empty, {"LogRetentionDays": "14"}).changes


def test_a_cloud_killed_as_soon_as_a_stack_is_complete_knows_it(tmp_path: Path) -> None:
    process = LocalProcess(Home(tmp_path / "home"))
    for life in range(2):
        facts = process.start(http_port=0, mqtt_port=0, store_port=0)
        if life == 0:
            deploy(local_target(facts))
        else:
            assert local_target(facts).stack()["StackStatus"] == "CREATE_COMPLETE"
        dying = psutil.Process(facts.pid)
        dying.kill()
        dying.wait()


def test_each_step_is_told_once_and_the_stack_last(empty: Target) -> None:
    events: list[Event] = []
    deploy(empty, on_event=events.append)
    assert len({event.event_id for event in events}) == len(events)
    assert events[-1].resource == STACK_NAME
    assert events[-1].status == "CREATE_COMPLETE"


def test_a_failed_first_deployment_tells_the_first_failure_and_can_be_tried_again(
    empty: Target,
) -> None:
    iot = empty.client("iot")
    iot.create_topic_rule(
        ruleName=RULE, topicRulePayload={"sql": TELEMETRY_SQL.read_text(), "actions": []}
    )
    events: list[Event] = []
    with pytest.raises(TidectlError, match=r"TelemetryRule .*exists already") as caught:
        deploy(empty, on_event=events.append)
    assert "deploy again" in caught.value.hint
    assert [event.resource for event in events if event.status == "CREATE_FAILED"] == [
        "TelemetryRule"
    ]
    stack = empty.stack()
    assert stack
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert empty.client("kinesis").list_streams()["StreamNames"] == []
    with pytest.raises(TidectlError, match="ROLLBACK_COMPLETE and has no outputs"):
        empty.stack_outputs()
    iot.delete_topic_rule(ruleName=RULE)
    assert Stack(empty).plan() == first_plan({"StoreScheme": "http"})
    assert deploy(empty).outputs["TelemetryRuleName"] == RULE


def test_a_failed_update_is_taken_back_and_the_stack_works_on(empty: Target) -> None:
    outputs = deploy(empty).outputs
    with pytest.raises(TidectlError, match=r"Store .*the local store listens on"):
        deploy(empty, {"StorePort": "1234"})
    stack = empty.stack()
    assert stack
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert empty.stack_outputs() == outputs
    assert deploy(empty).outputs == outputs


def test_an_unknown_parameter_is_refused_before_anything_is_asked(deployed: Target) -> None:
    with pytest.raises(TidectlError, match="no parameter StorEngine"):
        Stack(deployed, {"StorEngine": "influxdb"})


def test_a_value_that_the_template_does_not_allow_is_refused_and_leaves_no_change_set(
    deployed: Target,
) -> None:
    before = seen(deployed)
    with pytest.raises(TidectlError, match=r"refused the change: .*StoreEngine"):
        deploy(deployed, {"StoreEngine": "sqlite"})
    assert seen(deployed) == before
