"""Which gateways may put batches on the stream, and of which things.

Flow: gateway provision | up | things -> [gateway list] -> S3 -> ingest
"""

from collections.abc import Iterator, Sequence

from botocore.exceptions import ClientError

from tidecloud.errors import GatewaysError
from tidecloud.gateways import PREFIX, Entry, document_of, entry_of, key_of
from tidectl.errors import TidectlError
from tidectl.target import Target
from tidewire.errors import WireError
from tidewire.names import check_thing


class GatewayList:
    """The list of gateways of `target`; ingest reads a change within a minute."""

    def __init__(self, target: Target) -> None:
        self._s3 = target.client("s3")
        self._bucket = target.stack_outputs()["FleetBucketName"]

    def allow(self, gateway: str, things: Sequence[str] = ()) -> Entry:
        """Let a gateway speak for itself and, beside what it may already, for `things`.

        Names, or patterns with `*`. Raises `TidectlError` for names that are none.
        """
        before = self.find(gateway)
        entry = Entry(tuple(dict.fromkeys((*(before.things if before else ()), *things))))
        self._put(gateway, entry)
        return entry

    def refuse(self, gateway: str, things: Sequence[str]) -> Entry:
        """Let it speak for `things` no longer."""
        before = self.find(gateway) or Entry()
        entry = Entry(tuple(thing for thing in before.things if thing not in things))
        self._put(gateway, entry)
        return entry

    def remove(self, gateway: str) -> None:
        """Take a gateway off the list: what it puts on the stream is set aside."""
        self._s3.delete_object(Bucket=self._bucket, Key=key_of(gateway))

    def find(self, gateway: str) -> Entry | None:
        """Return a gateway's entry; one that can't be read counts as none."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key_of(gateway))
            return entry_of(gateway, answer["Body"].read())
        except GatewaysError:
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """Yield all gateways by name, with what they speak for."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=PREFIX
        )
        for page in pages:
            for item in page.get("Contents", ()):
                gateway = item["Key"].removeprefix(PREFIX).removesuffix(".json")
                yield gateway, self.find(gateway) or Entry()

    def _put(self, gateway: str, entry: Entry) -> None:
        try:
            if ":" in check_thing(gateway):
                raise TidectlError(f"{gateway}: a gateway's name has no colon")
            document = document_of(entry)
            entry_of(gateway, document)
        except (WireError, GatewaysError) as error:
            raise TidectlError(str(error), "names are 1 to 64 of A-Z a-z 0-9 _ : -") from error
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key_of(gateway),
            Body=document,
            ContentType="application/json",
        )
