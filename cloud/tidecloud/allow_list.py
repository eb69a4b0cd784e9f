"""The serial numbers that may become things, one object each.

Flow: admit -> [allow list] -> S3
"""

import json
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from tidecloud.admission import Entry
from tidecloud.errors import AdmissionError
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "serials/"
UNTIL_MS_MAX = 253_402_300_799_999  # the end of the year 9999, the last that has a date
# Without the right to list, which the function does not have, S3 says that an object is denied
# where it is absent.
_ABSENT = frozenset({"NoSuchKey", "AccessDenied"})


class AllowList(Protocol):
    """What may be asked about a serial number."""

    def find(self, serial: str) -> Entry | None:
        """Return what the board may become; raises `AdmissionError` when that can't be read."""


class S3AllowList:
    """The allow-list in the fleet's bucket."""

    def __init__(self, *, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def find(self, serial: str) -> Entry | None:
        """Read one object; what keeps S3 from answering is raised as it is."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key_of(serial))
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return entry_of(serial, answer["Body"].read())


def key_of(serial: str) -> str:
    """Return where the entry of a serial number lies."""
    return f"{PREFIX}{serial}.json"


def entry_of(serial: str, data: bytes) -> Entry:
    """Read an entry; raises `AdmissionError`."""
    try:
        document = json.loads(data)
        thing, site = check_thing(document["thing"]), check_site(document["site"])
        until_ms = document["until_ms"]
    except (ValueError, KeyError, TypeError, WireError) as error:
        raise AdmissionError(f"the entry of {serial} can't be read: {error!r}") from error
    if not isinstance(until_ms, int) or not 0 <= until_ms <= UNTIL_MS_MAX:
        raise AdmissionError(f"the entry of {serial} can't be read: until_ms is {until_ms!r}")
    return Entry(thing, site, until_ms)


def document_of(entry: Entry) -> bytes:
    """Return an entry as S3 keeps it."""
    document = {"thing": entry.thing, "site": entry.site, "until_ms": entry.until_ms}
    return json.dumps(document).encode()
