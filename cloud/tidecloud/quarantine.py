"""Put what can't be stored aside, whole, with its reason.

Flow: ingest -> [quarantine] -> S3
The key follows from the record alone, so setting a record aside twice leaves one object.
"""

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tidecloud.errors import QuarantineError
from tidecloud.pipeline import Aside

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Quarantine(Protocol):
    """Where records go that no retry can help."""

    def put(self, aside: Aside) -> None:
        """Keep a record and its reason; raises `QuarantineError`."""


class S3Quarantine:
    """The quarantine bucket."""

    def __init__(self, *, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def put(self, aside: Aside) -> None:
        """Write one object; raises `QuarantineError`."""
        key = key_of(aside)
        try:
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=document_of(aside),
                ContentType="application/json",
            )
        except (ClientError, BotoCoreError) as error:
            raise QuarantineError(f"s3://{self._bucket}/{key}: {error}") from error


def key_of(aside: Aside) -> str:
    """Return `<reason>/<yyyy>/<mm>/<dd>/<shard>-<sequence number>[-<part>].json`."""
    record = aside.record
    day = datetime.fromtimestamp(record.arrived_at_ms / 1000, UTC).strftime("%Y/%m/%d")
    part = "" if record.part is None else f"-{record.part}"
    return f"{aside.reason}/{day}/{record.shard}-{record.sequence_number}{part}.json"


def document_of(aside: Aside) -> bytes:
    """Return the object: reason, error, the record's metadata, and its data in base64."""
    record = aside.record
    document = {
        "reason": aside.reason,
        "error": aside.detail,
        "shard": record.shard,
        "sequence_number": record.sequence_number,
        "part": record.part,
        "partition_key": record.partition_key,
        "arrived_at_ms": record.arrived_at_ms,
        "data": base64.b64encode(record.data).decode(),
    }
    return json.dumps(document).encode()
