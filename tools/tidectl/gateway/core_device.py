"""Provision a core device: what AWS knows of it, and the files it is configured with.

Flow: key -> signing request -> certificate, policy, role alias -> <home>/gateways/<thing>/
The device holds no AWS credentials: by its certificate it gets some of its role, for an hour each.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tidectl.errors import TidectlError
from tidectl.gateway.core_policy import core_policy, role_policy, trust_policy
from tidectl.gateway_list import GatewayList
from tidectl.home import Home
from tidectl.identity import make_identity
from tidectl.target import Target
from tidegate.nucleus.settings import Settings, write_whole
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

ROLE, ALIAS, ROLE_POLICY = "tidegauge-core-device", "tidegauge-core-device", "core-device"
DEFAULT_GROUP = "tidegauge-gateways"
CLASSIC_VERSION = "2.18.2"
# Where the files lie on the device, by the nucleus.
CLASSIC_ROOT, LITE_ROOT = "/greengrass/v2", "/var/lib/greengrass"


@dataclass(frozen=True, slots=True)
class CoreDevice:
    """The files of one core device, readable by their owner only."""

    path: Path

    @property
    def thing(self) -> str:
        """The thing's name."""
        return self.path.name

    @property
    def nucleus_root(self) -> Path:
        """Where the nucleus on this machine keeps everything."""
        return self.path / "nucleus"

    @property
    def build(self) -> Path:
        """Where components are packed for the nucleus on this machine."""
        return self.path / "build"

    def facts(self) -> dict[str, Any]:
        """Return target, region, site, group, endpoints and certificate; never the key."""
        try:
            document = json.loads((self.path / "gateway.json").read_bytes())
        except (OSError, ValueError):
            document = None
        if not isinstance(document, dict):
            raise TidectlError(
                f"there is no gateway {self.thing} here",
                f"make it: tidectl gateway provision {self.thing}",
            )
        return document

    def settings(self, nucleus: str, **more: Any) -> Settings:
        """Return what the nucleus on this machine is told."""
        facts = self.facts()
        return Settings(
            root=self.nucleus_root,
            nucleus=nucleus,
            thing=self.thing,
            region=facts["region"],
            certificate_path=str(self.path / "cert.pem"),
            key_path=str(self.path / "key.pem"),
            root_ca_path=str(self.path / "root.pem"),
            mqtt_host=facts["mqtt_host"],
            mqtt_port=facts["mqtt_port"],
            device_url=facts["device_url"],
            role_alias=facts["role_alias"],
            **more,
        )


def core_device(home: Home, thing: str) -> CoreDevice:
    """Return where the files of a core device are, whether or not they exist."""
    return CoreDevice(home.path / "gateways" / thing)


def core_devices(home: Home) -> list[CoreDevice]:
    """Return the core devices provisioned here, by name."""
    folders = sorted((home.path / "gateways").glob("*/gateway.json"))
    return [CoreDevice(path.parent) for path in folders]


def provision(
    target: Target,
    home: Home,
    thing: str,
    *,
    site: str,
    group: str,
    speaks_for: Sequence[str] = (),
) -> CoreDevice:
    """Make the core device; raises `TidectlError`. What a failure leaves is nothing.

    Ingest takes its batches of itself, its parts, and the things it `speaks_for`.
    """
    device = core_device(home, thing)
    _check(device, thing, site, group)
    outputs, account = target.stack_outputs(), target.account()
    iot = target.client("iot")
    policy = core_policy(target.region, account, thing, ALIAS)
    role_arn = _role(target, account, outputs["StreamName"])
    _role_alias(iot, role_arn)
    identity = make_identity(thing)
    with ExitStack() as undo:
        _thing_in_group(iot, thing, group, undo)
        answer = iot.create_certificate_from_csr(
            certificateSigningRequest=identity.request_pem, setAsActive=True
        )
        certificate_arn = answer["certificateArn"]
        undo.callback(_delete_certificate, iot, answer["certificateId"])
        name = policy_name(thing)
        _put_policy(iot, name, policy)
        iot.attach_policy(policyName=name, target=certificate_arn)
        undo.callback(iot.detach_policy, policyName=name, target=certificate_arn)
        iot.attach_thing_principal(thingName=thing, principal=certificate_arn)
        undo.callback(iot.detach_thing_principal, thingName=thing, principal=certificate_arn)
        listed = GatewayList(target)
        listed.allow(thing, speaks_for)
        undo.callback(listed.remove, thing)
        facts = _facts(target, thing, site, group, answer)
        _write(
            home,
            device,
            {
                "cert.pem": answer["certificatePem"].encode(),
                "key.pem": identity.key_pem(),
                "root.pem": _root_pem(target),
                "gateway.json": json.dumps(facts, indent=2).encode() + b"\n",
                "classic.yaml": yaml.safe_dump(classic_config(facts), sort_keys=False).encode(),
                "lite.yaml": yaml.safe_dump(lite_config(facts), sort_keys=False).encode(),
            },
        )
        undo.pop_all()
    return device


def policy_name(thing: str) -> str:
    """Return the name of the IoT policy of a core device."""
    return f"tidegauge-core-{thing}"


def classic_config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the partial config.yaml that the classic nucleus is installed with."""
    return {
        "system": {
            "certificateFilePath": f"{CLASSIC_ROOT}/cert.pem",
            "privateKeyPath": f"{CLASSIC_ROOT}/key.pem",
            "rootCaPath": f"{CLASSIC_ROOT}/root.pem",
            "rootpath": CLASSIC_ROOT,
            "thingName": facts["thing"],
        },
        "services": {
            "aws.greengrass.Nucleus": {
                "componentType": "NUCLEUS",
                "version": CLASSIC_VERSION,
                "configuration": _endpoints(facts),
            }
        },
    }


def lite_config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return /etc/greengrass/config.yaml of nucleus lite."""
    return {
        "system": {
            "privateKeyPath": f"{LITE_ROOT}/key.pem",
            "certificateFilePath": f"{LITE_ROOT}/cert.pem",
            "rootCaPath": f"{LITE_ROOT}/root.pem",
            "rootPath": LITE_ROOT,
            "thingName": facts["thing"],
        },
        "services": {
            "aws.greengrass.NucleusLite": {
                "componentType": "NUCLEUS",
                "configuration": {
                    **_endpoints(facts),
                    "runWithDefault": {"posixUser": "gg_component:gg_component"},
                    "greengrassDataPlanePort": "8443",
                },
            }
        },
    }


def _endpoints(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "awsRegion": facts["region"],
        "iotRoleAlias": facts["role_alias"],
        "iotDataEndpoint": facts["iot_data_endpoint"],
        "iotCredEndpoint": facts["iot_credentials_endpoint"],
    }


def _check(device: CoreDevice, thing: str, site: str, group: str) -> None:
    try:
        check_thing(thing)
        check_site(site)
    except WireError as error:
        raise TidectlError(str(error), "names are 1 to 64 of A-Z a-z 0-9 _ -") from error
    for name in (thing, group):
        if ":" in name:
            raise TidectlError(
                f"{name} has a colon, which Greengrass does not take", "leave it out"
            )
    if (device.path / "gateway.json").exists():
        raise TidectlError(
            f"{thing} exists already in {device.path}", "take another name, or use that one"
        )


def _thing_in_group(iot: Any, thing: str, group: str, undo: ExitStack) -> None:
    try:
        iot.describe_thing(thingName=thing)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        iot.create_thing(thingName=thing)
        undo.callback(iot.delete_thing, thingName=thing)
    else:
        raise TidectlError(f"there is a thing {thing} already", "take another name")
    try:
        iot.describe_thing_group(thingGroupName=group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        iot.create_thing_group(thingGroupName=group)
    iot.add_thing_to_thing_group(thingGroupName=group, thingName=thing)
    undo.callback(iot.remove_thing_from_thing_group, thingGroupName=group, thingName=thing)


def _put_policy(iot: Any, name: str, policy: str) -> None:
    try:
        iot.create_policy(policyName=name, policyDocument=policy)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
        if iot.get_policy(policyName=name)["policyDocument"] != policy:
            raise TidectlError(
                f"there is another policy {name} already", "remove it, or take another name"
            ) from error


def _role(target: Target, account: str, stream: str) -> str:
    """Make or update the role that core devices get credentials of, and return its ARN."""
    iam = target.client("iam")
    bucket = f"tidegauge-artifacts-{account}-{target.region}"
    try:
        arn = str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        answer = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust_policy())
        arn = str(answer["Role"]["Arn"])
    iam.put_role_policy(
        RoleName=ROLE,
        PolicyName=ROLE_POLICY,
        PolicyDocument=role_policy(target.region, account, stream, bucket),
    )
    return arn


def _role_alias(iot: Any, role_arn: str) -> None:
    try:
        iot.create_role_alias(roleAlias=ALIAS, roleArn=role_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise
        iot.update_role_alias(roleAlias=ALIAS, roleArn=role_arn)


def _facts(
    target: Target, thing: str, site: str, group: str, answer: Mapping[str, Any]
) -> dict[str, Any]:
    broker = target.broker()
    if target.local:
        data = f"{broker.host}:{broker.port}"
        credentials = target.local.device_url.removeprefix("https://")
        device_url = target.local.device_url
    else:
        iot = target.client("iot")
        data = broker.host
        credentials = iot.describe_endpoint(endpointType="iot:CredentialProvider")[
            "endpointAddress"
        ]
        device_url = f"https://{credentials}"
    return {
        "thing": thing,
        "target": target.name,
        "region": target.region,
        "site": site,
        "group": group,
        "mqtt_host": broker.host,
        "mqtt_port": broker.port,
        "device_url": device_url,
        "iot_data_endpoint": data,
        "iot_credentials_endpoint": credentials,
        "role_alias": ALIAS,
        "certificate_id": answer["certificateId"],
        "certificate_arn": answer["certificateArn"],
    }


def _root_pem(target: Target) -> bytes:
    root = x509.load_der_x509_certificate(target.broker().root_der)
    return root.public_bytes(Encoding.PEM)  # ends with a newline, which nucleus lite needs


def _delete_certificate(iot: Any, certificate_id: str) -> None:
    iot.update_certificate(certificateId=certificate_id, newStatus="INACTIVE")
    iot.delete_certificate(certificateId=certificate_id)


def _write(home: Home, device: CoreDevice, files: Mapping[str, bytes]) -> None:
    draft = home.make(device.path.with_name(f".{device.thing}.new"))
    try:
        for name, data in files.items():
            write_whole(draft / name, data)
        draft.replace(device.path)
    except OSError as error:
        raise TidectlError(
            f"can't write {device.path}: {error.strerror}", "free some space"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
