"""Send a bundle to things as an AWS IoT job.

Flow: bundle -> S3 -> file stream -> job -> each thing's board
"""

import hashlib
from collections.abc import Sequence

from tidectl.errors import TidectlError
from tidectl.jobs import Jobs, Rollout
from tidectl.target import Target
from tidectl.update_bundle import Bundle

OPERATION = "update"
PREFIX = "bundles/"
JOB_BEGIN = "tidegauge-update-"


def publish_update(
    target: Target, bundle: Bundle, things: Sequence[str], groups: Sequence[str], rollout: Rollout
) -> str:
    """Upload, make the stream and the job; return the job's name. Raises TidectlError."""
    if not bundle.signature:
        raise TidectlError("nobody has signed it: no board would take it", "tidectl ota sign")
    data = bundle.to_bytes()
    digest = hashlib.sha256(data).hexdigest()
    stream, version = _stream(target, data, digest)
    document = {
        "operation": OPERATION,
        "file": {
            "stream": stream,
            "version": version,
            "file": 0,
            "bytes": len(data),
            "sha256": digest,
        },
    }
    name = str(bundle.facts["version"])
    return Jobs(target).create(
        f"{JOB_BEGIN}{name.replace('.', '-')}-",
        document,
        things,
        groups,
        rollout=rollout,
        description=f"update to version {name}",
    )


def newest_update(target: Target) -> str:
    """Return the newest update's job. Raises TidectlError."""
    found = Jobs(target).listed(JOB_BEGIN, 1)
    if not found:
        raise TidectlError(f"no update was published in {target}", "tidectl ota publish")
    return found[0].name


def _stream(target: Target, data: bytes, digest: str) -> tuple[str, int]:
    """Return the stream that brings `data`, and its version; made where it is not there."""
    iot, outputs = target.client("iot"), target.stack_outputs()
    bucket, key = outputs["FleetBucketName"], f"{PREFIX}{digest}"
    target.client("s3").put_object(Bucket=bucket, Key=key, Body=data)
    stream = f"tidegauge-{digest[:32]}"
    try:
        made = iot.create_stream(
            streamId=stream,
            description="a bundle of tidectl ota publish",
            files=[{"fileId": 0, "s3Location": {"bucket": bucket, "key": key}}],
            roleArn=outputs["FilesRoleArn"],
        )
    except iot.exceptions.ResourceAlreadyExistsException:
        made = iot.describe_stream(streamId=stream)["streamInfo"]
    return stream, int(made["streamVersion"])
