"""Which boards may become which things, as the function that admits them reads it.

Flow: claim allow | refuse -> [allow list] -> S3 -> admit
"""

from collections.abc import Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError

from tidecloud.admission import Entry
from tidecloud.allow_list import PREFIX, document_of, entry_of, key_of
from tidecloud.errors import AdmissionError
from tidectl.errors import TidectlError
from tidectl.registry import Registry
from tidectl.target import Target
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

DAY_MS = 86_400_000
DAYS, DAYS_MAX = 30, 3650  # that a serial number may ask, unless told


@dataclass(frozen=True, slots=True)
class Allowed:
    """A serial number on the list; `came` says whether its thing has a certificate.

    An entry that can't be read lets nobody in: it is None, and `mistake` says why.
    """

    serial: str
    entry: Entry | None
    came: bool = False
    mistake: str = ""


class AllowList:
    """The allow-list of `target`."""

    def __init__(self, target: Target) -> None:
        self._s3 = target.client("s3")
        self._iot = target.client("iot")
        self._registry = Registry(target)
        self._bucket = target.stack_outputs()["FleetBucketName"]

    def allow(self, serial: str, entry: Entry) -> None:
        """Let the board become the thing of `entry`; what it might before is forgotten.

        A thing that is there gets the board's serial number and site: its board is replaced.
        """
        try:
            check_thing(serial)
            check_thing(entry.thing)
            check_site(entry.site)
        except WireError as error:
            raise TidectlError(str(error), "names are 1 to 64 of A-Z a-z 0-9 _ : -") from error
        self._s3.put_object(
            Bucket=self._bucket,
            Key=key_of(serial),
            Body=document_of(entry),
            ContentType="application/json",
        )
        if self._registry.has(entry.thing):
            attributes = {"serial_number": serial, "site": entry.site}
            self._iot.update_thing(
                thingName=entry.thing,
                attributePayload={"attributes": attributes, "merge": True},
            )

    def refuse(self, serial: str) -> bool:
        """Forget a serial number; false when it was not on the list."""
        try:
            self._s3.head_object(Bucket=self._bucket, Key=key_of(serial))
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return False
            raise
        self._s3.delete_object(Bucket=self._bucket, Key=key_of(serial))
        return True

    def entries(self) -> Iterator[Allowed]:
        """Yield all entries by serial number."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=PREFIX
        )
        for page in pages:
            for item in page.get("Contents", ()):
                serial = item["Key"].removeprefix(PREFIX).removesuffix(".json")
                body = self._s3.get_object(Bucket=self._bucket, Key=item["Key"])["Body"]
                try:
                    entry = entry_of(serial, body.read())
                except AdmissionError as error:
                    yield Allowed(serial, None, mistake=str(error))
                else:
                    came = bool(self._registry.certificates(entry.thing))
                    yield Allowed(serial, entry, came)
