"""Stacks with the resource types that are ours, made by the real CloudFormation."""

import json
from typing import Any

import pytest

from tests.local_cloud import CloudProcess, wait_for
from tidelocal.resource_types import api_shape

STACK_S_MAX = 20.0


def _template(resources: dict[str, Any], **outputs: Any) -> str:
    return json.dumps(
        {
            "Resources": resources,
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


def _settled(cloud: CloudProcess, name: str) -> dict[str, Any]:
    stacks = cloud.client("cloudformation")

    def stack() -> dict[str, Any] | None:
        (found,) = stacks.describe_stacks(StackName=name)["Stacks"]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else dict(found)

    settled: dict[str, Any] = wait_for(f"stack {name}", stack, within_s=STACK_S_MAX)
    return settled


def _create(
    cloud: CloudProcess, name: str, resources: dict[str, Any], **outputs: Any
) -> dict[str, str]:
    cloud.client("cloudformation").create_stack(
        StackName=name, TemplateBody=_template(resources, **outputs)
    )
    return _outputs(cloud, name, "CREATE_COMPLETE")


def _update(
    cloud: CloudProcess, name: str, resources: dict[str, Any], **outputs: Any
) -> dict[str, str]:
    cloud.client("cloudformation").update_stack(
        StackName=name, TemplateBody=_template(resources, **outputs)
    )
    return _outputs(cloud, name, "UPDATE_COMPLETE")


def _outputs(cloud: CloudProcess, name: str, status: str) -> dict[str, str]:
    stack = _settled(cloud, name)
    assert stack["StackStatus"] == status, _reasons(cloud, name)
    return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}


def _refused(cloud: CloudProcess, name: str, resources: dict[str, Any]) -> str:
    """Return why the stack could not be made."""
    cloud.client("cloudformation").create_stack(StackName=name, TemplateBody=_template(resources))
    assert _settled(cloud, name)["StackStatus"].startswith("ROLLBACK_")
    return _reasons(cloud, name)


def _delete(cloud: CloudProcess, name: str) -> None:
    stacks = cloud.client("cloudformation")
    stack_id = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    stacks.delete_stack(StackName=name)
    wait_for(
        f"the end of {name}",
        lambda: (
            stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
            == "DELETE_COMPLETE"
        ),
        within_s=STACK_S_MAX,
    )


def _reasons(cloud: CloudProcess, name: str) -> str:
    events = cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return "; ".join(each.get("ResourceStatusReason", "") for each in events)


def _rule(sql: str, **more: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::IoT::TopicRule",
        "Properties": {
            "TopicRulePayload": {
                "Sql": sql,
                "AwsIotSqlVersion": "2016-03-23",
                "Actions": [{"Republish": {"Topic": "types/out", "RoleArn": "unused"}}],
                **more,
            }
        },
    }


@pytest.fixture(scope="module")
def role(local_cloud: CloudProcess) -> str:
    return local_cloud.role("types-rule", "iot")


def _with_role(rule: dict[str, Any], role: str, name: str = "") -> dict[str, Any]:
    rule["Properties"]["TopicRulePayload"]["Actions"][0]["Republish"]["RoleArn"] = role
    if name:
        rule["Properties"]["RuleName"] = name
    return rule


def test_a_rule_is_made_changed_renamed_and_deleted_with_its_stack(
    local_cloud: CloudProcess, role: str
) -> None:
    def stack(name: str, sql: str) -> dict[str, Any]:
        return {"R": _with_role(_rule(sql), role, name)}

    names = {"Name": {"Ref": "R"}, "Arn": {"Fn::GetAtt": ["R", "Arn"]}}
    iot = local_cloud.client("iot")
    made = _create(
        local_cloud, "types-rule", stack("types_one", "SELECT * FROM 'types/a'"), **names
    )
    assert made["Name"] == "types_one"
    assert made["Arn"].endswith(":rule/types_one")
    _update(local_cloud, "types-rule", stack("types_one", "SELECT * FROM 'types/b'"), **names)
    assert iot.get_topic_rule(ruleName="types_one")["rule"]["sql"] == "SELECT * FROM 'types/b'"
    moved = _update(
        local_cloud, "types-rule", stack("types_two", "SELECT * FROM 'types/b'"), **names
    )
    assert moved["Name"] == "types_two"
    rules = {rule["ruleName"] for rule in iot.list_topic_rules()["rules"]}
    assert "types_two" in rules
    assert "types_one" not in rules
    _delete(local_cloud, "types-rule")
    assert "types_two" not in {rule["ruleName"] for rule in iot.list_topic_rules()["rules"]}


def test_a_rule_without_a_name_takes_the_stacks(local_cloud: CloudProcess, role: str) -> None:
    made = _create(
        local_cloud,
        "types-unnamed",
        {"R": _with_role(_rule("SELECT * FROM 'types/x'"), role)},
        Name={"Ref": "R"},
    )
    assert made["Name"] == "types_unnamed_R"


def test_a_rule_that_does_not_run_here_fails_its_stack_with_the_reason(
    local_cloud: CloudProcess, role: str
) -> None:
    resources = {"R": _with_role(_rule("SELECT CASE a WHEN 1 THEN 2 END AS b FROM 'x'"), role)}
    reasons = _refused(local_cloud, "types-bad-rule", resources)
    assert "CASE is not in this local cloud's IoT SQL" in reasons


def test_a_rule_of_another_stack_is_not_taken_over(local_cloud: CloudProcess, role: str) -> None:
    resources = {"R": _with_role(_rule("SELECT * FROM 'types/x'"), role, "types_owned")}
    _create(local_cloud, "types-owner", resources)
    reasons = _refused(local_cloud, "types-thief", resources)
    assert "rule types_owned exists already, outside this stack" in reasons
    assert local_cloud.client("iot").get_topic_rule(ruleName="types_owned")


def _store(cloud: CloudProcess, **more: Any) -> dict[str, Any]:
    port = int(cloud.facts["store_url"].rpartition(":")[2])
    properties = {
        "Name": "types-store",
        "DbParameterGroupIdentifier": "InfluxDBV3Core",
        "Port": port,
        **more,
    }
    return {"S": {"Type": "AWS::Timestream::InfluxDBCluster", "Properties": properties}}


def test_the_store_is_the_local_one_and_its_secret_keeps_its_arn(
    local_cloud: CloudProcess,
) -> None:
    names = {
        "Endpoint": {"Fn::GetAtt": ["S", "Endpoint"]},
        "Secret": {"Fn::GetAtt": ["S", "InfluxAuthParametersSecretArn"]},
    }
    made = _create(local_cloud, "types-store", _store(local_cloud), **names)
    assert made["Endpoint"] == "127.0.0.1"
    secrets = local_cloud.client("secretsmanager")
    text = secrets.get_secret_value(SecretId=made["Secret"])["SecretString"]
    assert json.loads(text) == {"token": (local_cloud.state / "store-token").read_text()}
    group = "InfluxDBV3Enterprise"
    changed = _store(local_cloud, DbParameterGroupIdentifier=group)
    assert _update(local_cloud, "types-store", changed, **names) == made
    assert secrets.get_secret_value(SecretId=made["Secret"])["SecretString"] == text
    _delete(local_cloud, "types-store")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=made["Secret"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"DbParameterGroupIdentifier": None}, "InfluxDB 3 alone runs here"),
        ({"DbParameterGroupIdentifier": "default.influxdb2"}, "InfluxDB 3 alone runs here"),
        ({"Port": 8086}, "Port 8086: the local store listens on "),
    ],
)
def test_a_store_that_can_not_run_here_fails_its_stack(
    local_cloud: CloudProcess, more: dict[str, Any], told: str
) -> None:
    properties = {name: value for name, value in more.items() if value is not None}
    resources = _store(local_cloud, **properties)
    if None in more.values():
        del resources["S"]["Properties"]["DbParameterGroupIdentifier"]
    name = f"types-bad-{next(iter(properties.values()), 'none')}".replace(".", "-")
    assert told in _refused(local_cloud, name, resources)


def _tables(hours: str = "24") -> dict[str, Any]:
    return {
        "D": {"Type": "AWS::Timestream::Database", "Properties": {"DatabaseName": "types"}},
        "T": {
            "Type": "AWS::Timestream::Table",
            "DependsOn": "D",
            "Properties": {
                "DatabaseName": "types",
                "TableName": "telemetry",
                "RetentionProperties": {
                    "MemoryStoreRetentionPeriodInHours": hours,
                    "MagneticStoreRetentionPeriodInDays": "30",
                },
                "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": "true"},
            },
        },
    }


def test_live_analytics_tables_are_made_changed_and_deleted(local_cloud: CloudProcess) -> None:
    names = {"Name": {"Fn::GetAtt": ["T", "Name"]}, "Id": {"Ref": "T"}}
    made = _create(local_cloud, "types-tables", _tables(), **names)
    assert made == {"Name": "telemetry", "Id": "types|telemetry"}
    _update(local_cloud, "types-tables", _tables(hours="48"), **names)
    write = local_cloud.client("timestream-write")
    table = write.describe_table(DatabaseName="types", TableName="telemetry")["Table"]
    assert table["RetentionProperties"] == {
        "MemoryStoreRetentionPeriodInHours": 48,
        "MagneticStoreRetentionPeriodInDays": 30,
    }
    assert table["MagneticStoreWriteProperties"]["EnableMagneticStoreWrites"] is True
    _delete(local_cloud, "types-tables")
    assert "types" not in {each["DatabaseName"] for each in write.list_databases()["Databases"]}


def test_tables_that_an_earlier_stack_left_are_taken_over(local_cloud: CloudProcess) -> None:
    write = local_cloud.client("timestream-write")
    write.create_database(DatabaseName="types")
    write.create_table(DatabaseName="types", TableName="telemetry")
    _create(local_cloud, "types-again", _tables(hours="12"))
    table = write.describe_table(DatabaseName="types", TableName="telemetry")["Table"]
    assert table["RetentionProperties"]["MemoryStoreRetentionPeriodInHours"] == 12
    _delete(local_cloud, "types-again")


def test_a_table_without_its_database_fails_its_stack(local_cloud: CloudProcess) -> None:
    table = _tables()["T"] | {"DependsOn": []}
    table["Properties"]["DatabaseName"] = "types_absent"
    reasons = _refused(local_cloud, "types-orphan", {"T": table})
    assert "Timestream CreateTable: ResourceNotFoundException" in reasons


def test_names_become_the_apis_and_a_users_own_keys_stay() -> None:
    given = {
        "Sql": "s",
        "ErrorAction": {"S3": {"BucketName": "b"}},
        "Actions": [{"InfluxDB": {"TableName": "t", "Tags": {"Site": "x", "thing": "y"}}}],
    }
    assert api_shape(given) == {
        "sql": "s",
        "errorAction": {"s3": {"bucketName": "b"}},
        "actions": [{"influxDB": {"tableName": "t", "tags": {"Site": "x", "thing": "y"}}}],
    }
