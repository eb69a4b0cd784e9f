"""Greengrass v2 in the local cloud: boto3 against it, and devices by their certificates."""

import hashlib
import json
import ssl
from http.client import HTTPSConnection
from typing import Any

import boto3
import pytest
import urllib3
from botocore.exceptions import ClientError

from tests.local_cloud import Certificate, CloudProcess

RECIPE = {
    "RecipeFormatVersion": "2020-01-25",
    "ComponentVersion": "1.0.0",
    "ComponentPublisher": "Tidegauge",
    "Manifests": [{"Platform": {"os": "linux", "runtime": "*"}, "Lifecycle": {"run": "true"}}],
}


def _recipe(name: str, **changes: Any) -> bytes:
    return json.dumps({**RECIPE, "ComponentName": name, **changes}).encode()


def _with_artifact(uri: str) -> list[dict[str, Any]]:
    return [{**RECIPE["Manifests"][0], "Artifacts": [{"Uri": uri}]}]  # type: ignore[index]  # a map of anything


def _ask(
    cloud: CloudProcess, device: Certificate, method: str, path: str, body: Any = None
) -> tuple[int, dict[str, Any]]:
    context = ssl.create_default_context(cafile=cloud.facts["ca_path"])
    context.load_cert_chain(device.certificate_path, device.key_path)
    host, _, port = cloud.facts["device_url"].removeprefix("https://").rpartition(":")
    connection = HTTPSConnection(host, int(port), context=context, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    return answer.status, document


def test_a_component_is_created_described_listed_and_deleted(local_cloud: CloudProcess) -> None:
    greengrass, storage = local_cloud.client("greengrassv2"), local_cloud.client("s3")
    storage.create_bucket(Bucket="gg-plane")
    storage.put_object(Bucket="gg-plane", Key="a/1/x.zip", Body=b"zip")
    manifests = _with_artifact("s3://gg-plane/a/1/x.zip")
    made = greengrass.create_component_version(inlineRecipe=_recipe("plane.a", Manifests=manifests))
    assert made["status"]["componentState"] == "DEPLOYABLE"
    arn = made["arn"]
    described = greengrass.describe_component(arn=arn)
    assert (described["componentName"], described["publisher"]) == ("plane.a", "Tidegauge")
    recipe = json.loads(greengrass.get_component(arn=arn)["recipe"])
    (artifact,) = recipe["Manifests"][0]["Artifacts"]
    assert artifact["Digest"] == hashlib.sha256(b"zip").hexdigest()
    with pytest.raises(ClientError, match="ConflictException"):
        greengrass.create_component_version(inlineRecipe=_recipe("plane.a"))
    greengrass.create_component_version(inlineRecipe=_recipe("plane.a", ComponentVersion="1.10.0"))
    versions = greengrass.list_component_versions(arn=arn.partition(":versions")[0])
    found = [one["componentVersion"] for one in versions["componentVersions"]]
    assert found == ["1.10.0", "1.0.0"]
    latest = {one["componentName"]: one["latestVersion"] for one in
              greengrass.list_components(scope="PRIVATE")["components"]}  # fmt: skip
    assert latest["plane.a"]["componentVersion"] == "1.10.0"
    greengrass.delete_component(arn=arn)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        greengrass.describe_component(arn=arn)


def test_a_version_whose_artifact_is_absent_is_not_deployable(local_cloud: CloudProcess) -> None:
    greengrass = local_cloud.client("greengrassv2")
    manifests = _with_artifact("s3://gg-absent/x.zip")
    made = greengrass.create_component_version(inlineRecipe=_recipe("plane.b", Manifests=manifests))
    assert made["status"]["componentState"] == "FAILED"
    assert "s3://gg-absent/x.zip is not there" in made["status"]["message"]
    local_cloud.client("iot").create_thing_group(thingGroupName="plane-b")
    account, region = local_cloud.facts["account"], local_cloud.facts["region"]
    target = f"arn:aws:iot:{region}:{account}:thinggroup/plane-b"
    with pytest.raises(ClientError, match=r"plane\.b 1\.0\.0 is not deployable"):
        greengrass.create_deployment(
            targetArn=target, components={"plane.b": {"componentVersion": "1.0.0"}}
        )


def test_what_makes_no_sense_is_refused(local_cloud: CloudProcess) -> None:
    greengrass = local_cloud.client("greengrassv2")
    for recipe, reason in (
        (b": no: yaml:", "can't be read"),
        (_recipe("plane.c", ComponentVersion="1.0"), "is no component"),
        (_recipe("plane.c", RecipeFormatVersion="x"), "RecipeFormatVersion"),
        (_recipe("plane.c", Manifests={}), "Manifests is no list"),
        (_recipe("plane.c", ComponentDescription="x" * 20_000), "above 16384 bytes"),
    ):
        with pytest.raises(ClientError, match=reason):
            greengrass.create_component_version(inlineRecipe=recipe)
    with pytest.raises(ClientError, match="is no thing"):
        greengrass.create_deployment(targetArn="arn:aws:iot:us-east-1:1:policy/x")
    with pytest.raises(ClientError, match="no core device"):
        greengrass.get_core_device(coreDeviceThingName="nobody")


def test_a_deployment_is_a_job_of_its_target_and_gives_way_to_the_next(
    local_cloud: CloudProcess,
) -> None:
    greengrass, iot = local_cloud.client("greengrassv2"), local_cloud.client("iot")
    greengrass.create_component_version(inlineRecipe=_recipe("plane.d"))
    group = iot.create_thing_group(thingGroupName="plane-d")["thingGroupArn"]
    iot.create_thing(thingName="plane-d-1")
    iot.add_thing_to_thing_group(thingGroupName="plane-d", thingName="plane-d-1")
    update = {"merge": '{"x":1}', "reset": ["/y"]}
    components = {"plane.d": {"componentVersion": "1.0.0", "configurationUpdate": update}}
    first = greengrass.create_deployment(targetArn=group, components=components)
    job = json.loads(iot.get_job_document(jobId=first["iotJobId"])["document"])
    assert job["components"]["plane.d"] == {
        "version": "1.0.0",
        "runWith": {},
        "configurationUpdate": {"merge": {"x": 1}, "reset": ["/y"]},
    }
    second = greengrass.create_deployment(targetArn=group, deploymentName="second")
    assert greengrass.get_deployment(deploymentId=first["deploymentId"])["deploymentStatus"] == (
        "INACTIVE"
    )
    effective = greengrass.list_effective_deployments(coreDeviceThingName="plane-d-1")
    states = [
        (one["deploymentId"], one["coreDeviceExecutionStatus"])
        for one in effective["effectiveDeployments"]
    ]
    assert states[0] == (second["deploymentId"], "QUEUED")
    assert states[1:] in ([], [(first["deploymentId"], "CANCELED")])
    (latest,) = greengrass.list_deployments(targetArn=group)["deployments"]
    assert latest["deploymentName"] == "second"
    greengrass.cancel_deployment(deploymentId=second["deploymentId"])
    assert greengrass.get_deployment(deploymentId=second["deploymentId"])["deploymentStatus"] == (
        "CANCELED"
    )


def test_a_device_gets_credentials_of_its_role_alias_and_of_no_other(
    local_cloud: CloudProcess,
) -> None:
    iot = local_cloud.client("iot")
    role = local_cloud.role("plane-tes", "credentials.iot", "s3:ListAllMyBuckets")
    other = local_cloud.role("plane-other", "lambda", "s3:ListAllMyBuckets")
    made = iot.create_role_alias(roleAlias="plane-tes", roleArn=role)
    iot.create_role_alias(roleAlias="plane-distrusted", roleArn=other)
    assert iot.describe_role_alias(roleAlias="plane-tes")["roleAliasDescription"]["roleArn"] == role
    assert "plane-tes" in iot.list_role_aliases()["roleAliases"]
    arns = [made["roleAliasArn"], made["roleAliasArn"].replace("plane-tes", "plane-distrusted")]
    local_cloud.policy("plane-tes", {"Action": "iot:AssumeRoleWithCertificate", "Resource": arns})
    device = local_cloud.provision("plane-tes-1", "plane-tes")
    status, answer = _ask(local_cloud, device, "GET", "/role-aliases/plane-tes/credentials")
    assert status == 200, answer
    got = answer["credentials"]
    client = boto3.client(
        "s3",
        endpoint_url=local_cloud.facts["http_url"],
        region_name=local_cloud.facts["region"],
        aws_access_key_id=got["accessKeyId"],
        aws_secret_access_key=got["secretAccessKey"],
        aws_session_token=got["sessionToken"],
    )
    assert client.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
    with pytest.raises(ClientError, match="AccessDenied"):
        client.create_bucket(Bucket="plane-not-allowed")
    for alias, reason in (
        ("plane-absent", "do not allow iot:AssumeRoleWithCertificate"),
        ("plane-distrusted", "does not trust"),
    ):
        status, answer = _ask(local_cloud, device, "GET", f"/role-aliases/{alias}/credentials")
        assert (status, reason in answer["message"]) == (403, True), answer
    iot.update_certificate(certificateId=device.certificate_id, newStatus="INACTIVE")
    status, answer = _ask(local_cloud, device, "GET", "/role-aliases/plane-tes/credentials")
    assert status == 403
    iot.delete_role_alias(roleAlias="plane-tes")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        iot.describe_role_alias(roleAlias="plane-tes")


def test_a_device_resolves_versions_and_fetches_artifacts(local_cloud: CloudProcess) -> None:
    greengrass, storage = local_cloud.client("greengrassv2"), local_cloud.client("s3")
    storage.create_bucket(Bucket="gg-fetch")
    storage.put_object(Bucket="gg-fetch", Key="e/x.zip", Body=b"content of e")
    manifests = _with_artifact("s3://gg-fetch/e/x.zip")
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        recipe = _recipe("plane.e", ComponentVersion=version, Manifests=manifests)
        greengrass.create_component_version(inlineRecipe=recipe)
    local_cloud.policy("plane-fetch", {"Action": "greengrass:*", "Resource": "*"})
    device = local_cloud.provision("plane-fetch-1", "plane-fetch")
    candidates = {"componentName": "plane.e", "versionRequirements": {"g": ">=1.0.0 <2.0.0"}}
    status, answer = _ask(
        local_cloud, device, "POST", "/greengrass/v2/resolveComponentCandidates",
        {"componentCandidates": [candidates]},
    )  # fmt: skip
    assert status == 200, answer
    (found,) = answer["resolvedComponentVersions"]
    assert found["componentVersion"] == "1.1.0"
    status, answer = _ask(
        local_cloud, device, "GET",
        f"/greengrass/v2/components/{found['arn']}/artifacts/gg-fetch/e/x.zip",
    )  # fmt: skip
    assert status == 200, answer
    assert urllib3.request("GET", answer["preSignedUrl"]).data == b"content of e"
    status, _ = _ask(
        local_cloud, device, "GET",
        f"/greengrass/v2/components/{found['arn']}/artifacts/gg-fetch/secret",
    )  # fmt: skip
    assert status == 404
    local_cloud.policy("plane-nothing", {"Action": "iot:Connect", "Resource": "*"})
    stranger = local_cloud.provision("plane-fetch-2", "plane-nothing")
    status, answer = _ask(
        local_cloud, stranger, "POST", "/greengrass/v2/resolveComponentCandidates",
        {"componentCandidates": []},
    )  # fmt: skip
    assert status == 403


def test_greengrass_is_kept_over_a_kill_and_so_are_the_devices_credentials(own_cloud: Any) -> None:
    cloud = own_cloud()
    made = cloud.client("greengrassv2").create_component_version(inlineRecipe=_recipe("kept"))
    role = cloud.role("kept", "credentials.iot", "s3:ListAllMyBuckets")
    alias = cloud.client("iot").create_role_alias(roleAlias="kept", roleArn=role)["roleAliasArn"]
    cloud.policy("kept", {"Action": "iot:AssumeRoleWithCertificate", "Resource": alias})
    device = cloud.provision("kept-1", "kept")
    status, answer = _ask(cloud, device, "GET", "/role-aliases/kept/credentials")
    assert status == 200, answer
    cloud.wait_until_kept()
    cloud.kill()
    cloud.start()
    assert cloud.client("greengrassv2").describe_component(arn=made["arn"])
    assert cloud.client("iot").describe_role_alias(roleAlias="kept")
    got = answer["credentials"]
    client = boto3.client(
        "s3",
        endpoint_url=cloud.facts["http_url"],
        region_name=cloud.facts["region"],
        aws_access_key_id=got["accessKeyId"],
        aws_secret_access_key=got["secretAccessKey"],
        aws_session_token=got["sessionToken"],
    )
    assert client.list_buckets()["ResponseMetadata"]["HTTPStatusCode"] == 200
