"""Where a command works: the local cloud or AWS, spoken to by the same code.

Everything that tidectl asks of a cloud goes through `Target.client`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
import botocore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tidectl.errors import CREDENTIALS_HINT, TidectlError
from tidectl.home import Home
from tidectl.local_process import LocalFacts, LocalProcess

LOCAL, AWS = "local", "aws"
STACK_NAME = "tidegauge"
AWS_MQTT_PORT = 8883
AWS_ROOT = "Amazon Root CA 1"  # signs the endpoints of type iot:Data-ATS
LOCAL_CREDENTIAL = "test"
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=60
)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where things connect, and the certificate authority that vouches for it."""

    host: str
    port: int
    root_der: bytes


class Outputs(dict[str, str]):
    """The outputs of a stack by name; one that is not there means an older template."""

    def __missing__(self, name: str) -> str:
        raise TidectlError(
            f"the stack {STACK_NAME} has no output {name}: it is older than this tidectl",
            "bring it up to date: tidectl up, or tidectl deploy --target aws",
        )


@dataclass(frozen=True)
class Target:
    """One cloud: `name` is local or aws; `local` has the facts of a local cloud."""

    name: str
    session: boto3.Session
    local: LocalFacts | None = None

    @property
    def region(self) -> str:
        """The region all resources are in."""
        return str(self.session.region_name)

    def client(self, service: str) -> Any:
        """Return a boto3 client of `service`."""
        endpoint = self.local.http_url if self.local else None
        return _client(self.session, service, endpoint)

    def account(self) -> str:
        """Return the account number; raises `TidectlError` without valid credentials."""
        try:
            return str(self.client("sts").get_caller_identity()["Account"])
        except (ClientError, BotoCoreError) as error:
            raise TidectlError(f"no valid AWS credentials: {error}", CREDENTIALS_HINT) from error

    def broker(self) -> Broker:
        """Return where things connect."""
        if self.local:
            root = x509.load_pem_x509_certificate(Path(self.local.ca_path).read_bytes())
            return Broker(
                self.local.mqtt_host, self.local.mqtt_port, root.public_bytes(Encoding.DER)
            )
        answer = self.client("iot").describe_endpoint(endpointType="iot:Data-ATS")
        return Broker(answer["endpointAddress"], AWS_MQTT_PORT, amazon_root_der())

    def stack(self) -> dict[str, Any] | None:
        """Return what CloudFormation says of the stack, or None when there is none."""
        try:
            answer = self.client("cloudformation").describe_stacks(StackName=STACK_NAME)
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        stack: dict[str, Any] = answer["Stacks"][0]
        return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack

    def stack_outputs(self) -> Outputs:
        """Return the outputs of the deployed stack; raises `TidectlError` when there is none."""
        stack = self.stack()
        if stack is None:
            raise TidectlError(
                f"there is no stack {STACK_NAME} in {self}", f"make it: {self.deploy_command}"
            )
        outputs = outputs_of(stack)
        if not outputs:
            raise TidectlError(
                f"the stack {STACK_NAME} is {stack['StackStatus']} and has no outputs yet",
                f"wait, or look at it again with {self.deploy_command}",
            )
        return outputs

    @property
    def deploy_command(self) -> str:
        """What to type to deploy here."""
        return "tidectl up" if self.local else "tidectl deploy --target aws"

    def __str__(self) -> str:
        return "the local cloud" if self.local else f"AWS {self.region}"


def outputs_of(stack: Mapping[str, Any]) -> Outputs:
    """Return the outputs of a stack by name; one that is being made has none."""
    return Outputs((item["OutputKey"], item["OutputValue"]) for item in stack.get("Outputs", ()))


def local_target(facts: LocalFacts) -> Target:
    """Return the local cloud that `facts` describe."""
    session = boto3.Session(
        aws_access_key_id=LOCAL_CREDENTIAL,
        aws_secret_access_key=LOCAL_CREDENTIAL,
        region_name=facts.region,
    )
    return Target(LOCAL, session, facts)


def find_target(name: str, home: Home, *, region: str | None = None) -> Target:
    """Return the target called `name`; raises `TidectlError` when it can't be reached."""
    if name == LOCAL:
        facts = LocalProcess(home).facts()
        if facts is None:
            raise TidectlError("the local cloud is not running", "start it: tidectl up")
        return local_target(facts)
    try:
        # AWS_DEFAULT_REGION and the profile's are botocore's to find.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
    except BotoCoreError as error:  # a profile that is not in the configuration
        raise TidectlError(str(error), "see `aws configure list-profiles`") from error
    if session.region_name is None:
        raise TidectlError("no AWS region is set", "give --region, or set AWS_REGION")
    return Target(AWS, session)


@lru_cache(maxsize=1)
def amazon_root_der() -> bytes:
    """Return the root of AWS IoT's endpoints, from the bundle botocore trusts itself."""
    bundle = Path(botocore.__file__).with_name("cacert.pem").read_text(encoding="utf-8")
    # Others in the bundle are none of our business, and some are not well-formed.
    found = re.search(rf'^# Label: "{AWS_ROOT}"\n(?:#.*\n)*(-[^#]*)', bundle, re.MULTILINE)
    if found is None:
        raise TidectlError(
            f"{AWS_ROOT} is not in botocore's bundle", "reinstall: pip install botocore"
        )
    return x509.load_pem_x509_certificate(found[1].encode()).public_bytes(Encoding.DER)


@lru_cache(maxsize=64)  # a client takes 20 ms to make, and verbs ask for the same few
def _client(session: boto3.Session, service: str, endpoint: str | None) -> Any:
    try:
        return session.client(  # type: ignore[call-overload]  # the name of any service
            service, endpoint_url=endpoint, config=_CONFIG
        )
    except BotoCoreError as error:
        raise TidectlError(f"no client of {service}: {error}", "set AWS_REGION") from error
