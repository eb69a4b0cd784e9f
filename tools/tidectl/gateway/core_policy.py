"""What a core device may: by its certificate with IoT, by its role with the rest of AWS.

Least privilege: its own thing's topics, one role alias, one stream, one prefix of one bucket.
The IoT policy hangs on the certificate; Greengrass knows neither policies of groups nor the
variables of thing policies. In IoT policies `*` is the wildcard, `+` and `#` are letters.
"""

import json
from typing import Any

from tidectl.errors import TidectlError

POLICY_CHARACTERS_MAX = 2_048  # of an IoT policy, without white space
ARTIFACTS_PREFIX = "components"
CREDENTIALS_SERVICE = "credentials.iot.amazonaws.com"


def core_policy(region: str, account: str, thing: str, alias: str) -> str:
    """Return the IoT policy of one core device."""
    base = f"arn:aws:iot:{region}:{account}:"
    # Jobs, shadows and health of its own thing; commands to it; what its components agree on.
    own = [f"$aws/things/{thing}/*", f"cmd/tidegauge/{thing}/*", f"tidegauge/{thing}/*"]
    telemetry = f"dt/tidegauge/*/{thing}/*"
    said = [telemetry, f"$aws/rules/tidegauge_telemetry/{telemetry}"]
    document = _document(
        # The classic nucleus opens further connections as `<thing>#<n>`.
        ("iot:Connect", [f"{base}client/{thing}", f"{base}client/{thing}#*"]),
        (["iot:Publish", "iot:Receive"], [f"{base}topic/{topic}" for topic in own]),
        ("iot:Publish", [f"{base}topic/{topic}" for topic in said]),
        ("iot:Subscribe", [f"{base}topicfilter/{topic}" for topic in own]),
        ("iot:AssumeRoleWithCertificate", f"{base}rolealias/{alias}"),
        (
            ["greengrass:GetComponentVersionArtifact", "greengrass:ResolveComponentCandidates",
             "greengrass:GetDeploymentConfiguration", "greengrass:ListThingGroupsForCoreDevice"],
            "*",
        ),
    )  # fmt: skip
    if len(document) > POLICY_CHARACTERS_MAX:
        raise TidectlError(
            f"the policy of {thing} has {len(document)} characters, AWS takes "
            f"{POLICY_CHARACTERS_MAX}",
            "take a shorter name",
        )
    return document


def role_policy(region: str, account: str, stream: str, bucket: str) -> str:
    """Return what components may with the credentials of the role."""
    logs = f"arn:aws:logs:{region}:{account}:log-group:/aws/greengrass/*"
    return _document(
        (["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents",
          "logs:DescribeLogStreams"], logs),
        ("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}"),
        ("s3:GetObject", f"arn:aws:s3:::{bucket}/{ARTIFACTS_PREFIX}/*"),
        (["kinesis:PutRecord", "kinesis:PutRecords", "kinesis:DescribeStreamSummary",
          "kinesis:ListShards"], f"arn:aws:kinesis:{region}:{account}:stream/{stream}"),
    )  # fmt: skip


def trust_policy() -> str:
    """Return who may take the role: IoT's credential provider alone."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": CREDENTIALS_SERVICE},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def _document(*grants: tuple[Any, Any]) -> str:
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": resources}
        for actions, resources in grants
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
