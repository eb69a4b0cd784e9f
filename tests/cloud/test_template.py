"""The template keeps to its contract, grants no more than it needs, and lints clean."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CLOUD = ROOT / "cloud"
POLICIES = sorted(path.name for path in (CLOUD / "policies").glob("*.json"))

# AWS has no narrower resource for these actions: each reason is the service's own.
EVERY_RESOURCE = {
    "timestream:DescribeEndpoints": "the endpoint is found before a database is named",
    "timestream:SelectValues": "a statement over no table has no resource",
    "ec2:CreateNetworkInterface": "Lambda makes the interface before it has a name",
    "ec2:DeleteNetworkInterface": "Lambda makes and removes interfaces of its own naming",
    "ec2:DescribeNetworkInterfaces": "describing has no resource",
    "ec2:DescribeSubnets": "describing has no resource",
}


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms as their long ones."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _long_form)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load((CLOUD / "template.yaml").read_text(), _Loader)  # noqa: S506  a SafeLoader
    return loaded


def policy(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CLOUD / "policies" / name).read_text())
    return document


def statements(name: str) -> Iterator[dict[str, Any]]:
    yield from policy(name)["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def walk(node: Any) -> Iterator[Any]:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


def architecture(section: str) -> str:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    found = re.search(rf"^### {section}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)
    assert found, f"ARCHITECTURE.md has no section {section}"
    return found.group(1)


def test_cfn_lint_finds_nothing() -> None:
    lint = [Path(sys.executable).parent / "cfn-lint", CLOUD / "template.yaml"]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_outputs_are_those_of_the_contract(template: dict[str, Any]) -> None:
    promised = architecture("Stack").split("Outputs:")[1].split(".\n")[0]
    assert set(template["Outputs"]) == set(re.findall(r"`(\w+)`", promised))


def test_the_parameters_of_the_contract_are_there(template: dict[str, Any]) -> None:
    promised = {"CodeBucket", "CodeKey", "TelemetrySql", "StoreEngine", "StoreScheme", "StorePort"}
    assert all(f"`{name}`" in architecture("Stack") for name in promised)
    required = {name for name, value in template["Parameters"].items() if "Default" not in value}
    assert required == {"CodeBucket", "CodeKey", "TelemetrySql"}
    assert promised <= set(template["Parameters"])
    assert template["Parameters"]["StoreEngine"]["Default"] == "influxdb"


def test_the_functions_get_the_environment_of_the_contract(template: dict[str, Any]) -> None:
    promised = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", architecture("Functions")))
    variables = {
        name: template["Resources"][name]["Properties"]["Environment"]["Variables"].keys()
        for name in ("IngestFunction", "QueryFunction")
    }
    assert variables["IngestFunction"] == promised
    assert variables["QueryFunction"] == promised - {"QUARANTINE_BUCKET"}


def test_every_include_is_a_policy_file_and_every_policy_file_is_included(
    template: dict[str, Any],
) -> None:
    included = {
        node["Fn::Transform"]["Parameters"]["Location"]
        for node in walk(template)
        if isinstance(node, dict) and "Fn::Transform" in node
    }
    assert included == {f"policies/{name}" for name in POLICIES}


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_names_its_actions_and_its_resources(name: str) -> None:
    for statement in statements(name):
        for action in listed(statement["Action"]):
            assert "*" not in action, f"{name}: {action}"
            if "*" in listed(statement.get("Resource", "trust")):
                assert action in EVERY_RESOURCE, f"{name}: {action} on every resource"
                others = set(listed(statement["Action"])) - set(EVERY_RESOURCE)
                assert not others, f"{name}: {others} share the statement"


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_refers_to_what_the_template_has(name: str, template: dict[str, Any]) -> None:
    known = {*template["Resources"], *template["Parameters"]}
    for node in walk(policy(name)):
        if not isinstance(node, dict):
            continue
        names = [node["Fn::GetAtt"][0]] if "Fn::GetAtt" in node else []
        if "Fn::Sub" in node:
            names += re.findall(r"\$\{(\w+)[.}]", node["Fn::Sub"])
        assert set(names) <= known, f"{name}: {names}"


def test_a_thing_may_only_be_itself() -> None:
    """Render the thing policy as CloudFormation would; IoT's own variables must be left over."""
    values = {"AWS::Partition": "aws", "AWS::Region": "eu-central-1", "AWS::AccountId": "1234"}
    thing = "${iot:Connection.Thing.ThingName}"

    def rendered(resource: dict[str, str]) -> str:
        text = re.sub(r"\$\{([\w:]+)\}", lambda found: values[found[1]], resource["Fn::Sub"])
        return text.replace("${!", "${")

    connect, publish = statements("thing.json")
    arn = "arn:aws:iot:eu-central-1:1234"
    assert connect["Action"] == "iot:Connect"
    assert rendered(connect["Resource"]) == f"{arn}:client/{thing}"
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    assert publish["Action"] == "iot:Publish"
    assert [rendered(resource) for resource in publish["Resource"]] == [
        f"{arn}:topic/$aws/rules/tidegauge_telemetry/dt/tidegauge/*/{thing}/*",
        f"{arn}:topic/dt/tidegauge/*/{thing}/*",
    ]


def test_each_role_is_used_by_one_thing(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    roles = {name for name, value in resources.items() if value["Type"] == "AWS::IAM::Role"}
    users: dict[str, set[str]] = {}
    for name, value in resources.items():
        for node in walk(value["Properties"]):
            if isinstance(node, dict) and node.get("Fn::GetAtt", [""])[0] in roles:
                users.setdefault(node["Fn::GetAtt"][0], set()).add(name)
    assert set(users) == roles
    assert all(len(names) == 1 for names in users.values())


def test_the_rule_keeps_a_things_batches_in_order_and_loses_none(template: dict[str, Any]) -> None:
    rule = template["Resources"]["TelemetryRule"]["Properties"]
    assert rule["RuleName"] == "tidegauge_telemetry"
    payload = rule["TopicRulePayload"]
    assert payload["AwsIotSqlVersion"] == "2016-03-23"
    assert payload["Actions"][0]["Kinesis"]["PartitionKey"] == "${topic(4)}"
    assert payload["ErrorAction"]["S3"]["BucketName"] == {"Ref": "QuarantineBucket"}
    prefix = payload["ErrorAction"]["S3"]["Key"].split("/")[0]
    (grant,) = [item for item in statements("rule.json") if item["Action"] == "s3:PutObject"]
    assert grant["Resource"]["Fn::Sub"] == "${QuarantineBucket.Arn}/" + prefix + "/*"


def test_the_rule_sends_what_the_functions_read() -> None:
    sql = (CLOUD / "rules/telemetry.sql").read_text()
    assert set(re.findall(r" AS (\w+)", sql)) == {"client", "topic", "received_at", "data"}
    assert "encode(*, 'base64') AS data" in sql
    assert "clientid() AS client" in sql


def test_retries_end_while_the_stream_still_has_the_record(template: dict[str, Any]) -> None:
    source = template["Resources"]["IngestSource"]["Properties"]
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert source["MaximumRetryAttempts"] == -1
    assert source["StartingPosition"] == "TRIM_HORIZON"
    ages = template["Mappings"]["RecordAge"]
    allowed = template["Parameters"]["StreamRetentionHours"]["AllowedValues"]
    assert set(ages) == {str(hours) for hours in allowed}
    for hours, age in ages.items():
        assert 0.5 * 3600 * int(hours) < age["SecondsMax"] < 3600 * int(hours)


def test_data_outlives_its_stack(template: dict[str, Any]) -> None:
    for name in ("QuarantineBucket", "Store", "Database", "TelemetryTable", "LedgerTable"):
        resource = template["Resources"][name]
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_quarantine_is_private_encrypted_and_versioned(template: dict[str, Any]) -> None:
    bucket = template["Resources"]["QuarantineBucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (statement,) = statements("quarantine.json")
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_api_lets_no_one_in_without_a_signature(template: dict[str, Any]) -> None:
    routes = [
        value["Properties"]
        for value in template["Resources"].values()
        if value["Type"] == "AWS::ApiGatewayV2::Route"
    ]
    assert [route["RouteKey"] for route in routes] == ["POST /query"]
    assert {route["AuthorizationType"] for route in routes} == {"AWS_IAM"}


def test_the_store_is_an_influxdb_3_that_is_not_public(template: dict[str, Any]) -> None:
    store = template["Resources"]["Store"]["Properties"]
    assert store["DbParameterGroupIdentifier"] == "InfluxDBV3Core"
    assert store["PubliclyAccessible"] is False
    assert not {"Username", "Password", "Organization", "Bucket"} & store.keys()
