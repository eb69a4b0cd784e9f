"""Which gateways put batches on the stream themselves, and which things each speaks for.

Flow: ingest -> [gateways] -> S3
The stream does not say who wrote a record: IAM lets gateways write, and their records name
themselves by their partition key. So a gateway has to be listed, and may speak for itself, for
its own parts (`<gateway>:<part>`), and for the things that its entry names, and for no board.

`gateways/<gateway>.json` = `{"things": [name or pattern with *, ...]}` in the fleet's bucket.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from tidecloud.errors import GatewaysBusyError, GatewaysError
from tidewire.errors import WireError
from tidewire.names import check_thing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "gateways/"
THINGS_MAX = 1_000  # of one entry: what a site may have, and what is matched in no time
KEPT_MS = 60_000  # how long an entry is believed before it is read again
REFUSED_KEPT_MS = 5_000  # and before it refuses again: it is listed while it already sends
_GATEWAYS_MAX = 1_000  # kept in memory
_ABSENT = frozenset({"NoSuchKey", "AccessDenied"})  # as the allow-list has it


class Gateways(Protocol):
    """Who may speak for which thing."""

    def speaks_for(self, gateway: str, thing: str) -> bool:
        """Whether `gateway` may; raises `GatewaysBusyError` where that can't be read now."""
        ...


class EveryGateway:
    """No list: whoever may write to the stream speaks for itself and its own parts."""

    def speaks_for(self, gateway: str, thing: str) -> bool:
        """Whether `thing` is the gateway or a part of it."""
        return is_own(gateway, thing)


@dataclass(frozen=True, slots=True)
class Entry:
    """The things, or patterns with `*`, that a gateway speaks for beside its own."""

    things: tuple[str, ...] = ()

    def names(self, thing: str) -> bool:
        """Whether `thing` is one of them."""
        return any(fnmatchcase(thing, pattern) for pattern in self.things)


class S3Gateways:
    """The list in the fleet's bucket; what an entry allows is believed for a minute."""

    def __init__(self, *, s3: "S3Client", bucket: str, clock_ms: Callable[[], int]) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._clock_ms = clock_ms
        self._kept: OrderedDict[str, tuple[int, Entry | None]] = OrderedDict()

    def speaks_for(self, gateway: str, thing: str) -> bool:
        """Read the entry, unless it is at hand; an entry that can't be read names nobody."""
        for kept_ms in (KEPT_MS, REFUSED_KEPT_MS):
            entry = self._entry(gateway, kept_ms)
            if entry is not None and (is_own(gateway, thing) or entry.names(thing)):
                return True
        return False

    def _entry(self, gateway: str, kept_ms: int) -> Entry | None:
        now_ms = self._clock_ms()
        known = self._kept.get(gateway)
        if known is not None and now_ms < known[0] + kept_ms:
            return known[1]
        entry = self._read(gateway)
        self._kept[gateway] = (now_ms, entry)
        self._kept.move_to_end(gateway)
        if len(self._kept) > _GATEWAYS_MAX:
            self._kept.popitem(last=False)
        return entry

    def _read(self, gateway: str) -> Entry | None:
        try:
            key = key_of(check_thing(gateway))
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
            return entry_of(gateway, answer["Body"].read())
        except (WireError, GatewaysError):
            return None
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise GatewaysBusyError(str(error)) from error
        except BotoCoreError as error:
            raise GatewaysBusyError(str(error)) from error


def is_own(gateway: str, thing: str) -> bool:
    """Whether `thing` is the gateway or one of its parts: no gateway has a colon in its name."""
    return thing == gateway or thing.startswith(gateway + ":")


def key_of(gateway: str) -> str:
    """Return where the entry of a gateway lies."""
    return f"{PREFIX}{gateway}.json"


def entry_of(gateway: str, data: bytes) -> Entry:
    """Read an entry; raises `GatewaysError`."""
    try:
        things = json.loads(data)["things"]
        if not isinstance(things, list):
            raise TypeError("things is no list")
        for pattern in things:
            check_thing(pattern.replace("*", "") or "x")
    except (ValueError, KeyError, TypeError, AttributeError, WireError) as error:
        raise GatewaysError(f"the entry of {gateway} can't be read: {error!r}") from error
    if len(things) > THINGS_MAX:
        raise GatewaysError(f"the entry of {gateway} has {len(things)} things, max {THINGS_MAX}")
    return Entry(tuple(things))


def document_of(entry: Entry) -> bytes:
    """Return an entry as S3 keeps it."""
    return json.dumps({"things": list(entry.things)}).encode()
