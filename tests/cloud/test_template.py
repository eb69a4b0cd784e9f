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

from tidectl.template import Template

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
        for name in ("IngestFunction", "QueryFunction", "AdmitFunction")
    }
    assert variables["AdmitFunction"] == {"FLEET_BUCKET"}
    assert variables["IngestFunction"] == promised
    assert variables["QueryFunction"] == promised - {"FLEET_BUCKET", "QUARANTINE_BUCKET"}


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


def rendered(node: Any, partition: str = "aws", region: str = "eu-central-1") -> Any:
    """Return a policy as CloudFormation would make it; IoT's own variables are left over."""
    values = {"AWS::Partition": partition, "AWS::Region": region, "AWS::AccountId": "123456789012"}
    if isinstance(node, list):
        return [rendered(child, partition, region) for child in node]
    if not isinstance(node, dict):
        return node
    if "Fn::Sub" in node:
        text = re.sub(r"\$\{([\w:]+)\}", lambda found: values[found[1]], node["Fn::Sub"])
        return text.replace("${!", "${")
    return {name: rendered(child, partition, region) for name, child in node.items()}


def granted(name: str) -> set[tuple[str, str]]:
    """Return each action with each resource, without what all ARNs begin with."""
    return {
        (action, resource.removeprefix("arn:aws:iot:eu-central-1:123456789012:"))
        for statement in rendered(policy(name))["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


def test_a_thing_may_only_be_itself() -> None:
    """Its client id is its thing name, so that all else may name it by the client id."""
    connect, *others = rendered(policy("thing.json"))["Statement"]
    thing = "${iot:Connection.Thing.ThingName}"
    assert connect["Action"] == "iot:Connect"
    assert connect["Resource"] == f"arn:aws:iot:eu-central-1:123456789012:client/{thing}"
    assert connect["Condition"] == {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    own = re.compile(r"/\$\{iot:ClientId\}(?:/|$)")
    shared = {
        resource
        for statement in others
        for resource in statement["Resource"]
        if not own.search(resource)
    }
    assert {resource.partition("/")[2] for resource in shared} == {
        "$aws/certificates/create-from-csr/json*",
        "$aws/certificates/create-from-csr/json/*",
        "$aws/provisioning-templates/tidegauge/provision/json*",
        "$aws/provisioning-templates/tidegauge/provision/json/*",
    }


def test_a_claim_is_good_for_asking_and_can_be_no_thing() -> None:
    asking = (
        "$aws/certificates/create-from-csr/json",
        "$aws/provisioning-templates/tidegauge/provision/json",
    )
    assert granted("claim.json") == {
        ("iot:Connect", "client/claim.*"),
        *(("iot:Publish", f"topic/{topic}") for topic in asking),
        *(("iot:Receive", f"topic/{topic}/*") for topic in asking),
        *(("iot:Subscribe", f"topicfilter/{topic}/*") for topic in asking),
    }


@pytest.mark.parametrize("name", ["thing.json", "claim.json"])
@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "ap-southeast-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-cn", "cn-northwest-1")],
)
def test_an_iot_policy_is_no_longer_than_aws_takes(name: str, partition: str, region: str) -> None:
    document = rendered(policy(name), partition, region)
    assert len(json.dumps(document, separators=(",", ":"))) <= 2048


def test_the_body_is_no_longer_than_cloudformation_takes() -> None:
    assert len(Template().body().encode()) <= 51_200


def test_the_provisioning_template_makes_a_thing_of_what_the_hook_settles(
    template: dict[str, Any],
) -> None:
    fleet = template["Resources"]["FleetTemplate"]
    permission = template["Resources"]["AdmitPermission"]["Properties"]
    name = fleet["Properties"]["TemplateName"]
    assert permission["SourceArn"]["Fn::Sub"].endswith(f":provisioningtemplate/{name}")
    assert fleet["DependsOn"] == "AdmitPermission"
    body = json.loads(fleet["Properties"]["TemplateBody"]["Fn::Sub"])
    thing = body["Resources"]["thing"]["Properties"]
    assert thing["ThingName"] == {"Ref": "ThingName"}
    assert thing["AttributePayload"] == {
        "serial_number": {"Ref": "SerialNumber"},
        "site": {"Ref": "Site"},
    }
    assert body["Resources"]["certificate"]["Properties"]["Status"] == "Active"
    assert body["Resources"]["policy"]["Properties"] == {"PolicyName": "${ThingPolicy}"}
    assert any(f"provisioning-templates/{name}/" in topic for _, topic in granted("claim.json"))


def test_each_role_is_used_by_one_thing(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    roles = {name for name, value in resources.items() if value["Type"] == "AWS::IAM::Role"}
    users: dict[str, set[str]] = {}
    for name, value in resources.items():
        for node in walk(value["Properties"]):
            if isinstance(node, dict) and node.get("Fn::GetAtt", [""])[0] in roles:
                users.setdefault(node["Fn::GetAtt"][0], set()).add(name)
    assert template["Outputs"]["FilesRoleArn"]["Value"] == {"Fn::GetAtt": ["FilesRole", "Arn"]}
    users["FilesRole"] = {"whoever makes a file stream"}
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
    for name in (
        "QuarantineBucket",
        "FleetBucket",
        "Store",
        "Database",
        "TelemetryTable",
        "LedgerTable",
    ):
        resource = template["Resources"][name]
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", ["Quarantine", "Fleet"])
def test_a_bucket_is_private_encrypted_and_versioned(name: str, template: dict[str, Any]) -> None:
    bucket = template["Resources"][f"{name}Bucket"]["Properties"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    (statement,) = statements(f"{name.lower()}.json")
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
