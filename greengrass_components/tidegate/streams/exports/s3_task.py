"""A task for the export to S3: which file goes to which object. Pure.

JSON as AWS's SDK writes it: `{"inputUrl": "file:/...", "bucket", "key", "userMetadata"}`.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tidegate.streams.errors import StreamsError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]")
_TIMESTAMP = re.compile(r"!\{timestamp:([A-Za-z/\-:]+)\}")
# Letters of Java's date formats, which AWS documents for keys, longest first.
_LETTERS = {
    "yyyy": "%Y", "YYYY": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S",
    "DDD": "%j", "D": "%j", "d": "%d", "M": "%m", "H": "%H", "y": "%Y",
}  # fmt: skip
_LETTER = re.compile("|".join(_LETTERS))
KEY_BYTES_MAX = 1_024
METADATA_BYTES_MAX = 2_048  # of S3, names and values together


class S3TaskError(StreamsError):
    """A message that is no task: trying again does not help."""


@dataclass(frozen=True, slots=True)
class S3Task:
    """One upload; `wire` is the task as it was given, for reports about it."""

    path: Path
    bucket: str
    key: str
    metadata: dict[str, str]
    wire: dict[str, Any]


def task_of(payload: bytes, now: datetime) -> S3Task:
    """Read a task; raises `S3TaskError`."""
    try:
        wire = json.loads(payload)
    except ValueError as error:
        raise S3TaskError(f"the message is no JSON: {error}") from error
    if not isinstance(wire, dict):
        raise S3TaskError("the message is no JSON object")
    url, bucket, key = (wire.get(name) for name in ("inputUrl", "bucket", "key"))
    if not isinstance(url, str) or not isinstance(bucket, str) or not isinstance(key, str):
        raise S3TaskError("a task has texts inputUrl, bucket and key")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise S3TaskError(f"inputUrl {url!r} is no address: {error}") from error
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise S3TaskError(f"inputUrl {url!r} is no file:/ address")
    if not _BUCKET.fullmatch(bucket):
        raise S3TaskError(f"{bucket!r} is no name of a bucket")
    key = with_time(key, now)
    if not key or len(key.encode()) > KEY_BYTES_MAX:
        raise S3TaskError(f"the key has {len(key.encode())} bytes, not 1 to {KEY_BYTES_MAX}")
    return S3Task(Path(unquote(parts.path)), bucket, key, _metadata(wire), wire)


def with_time(key: str, now: datetime) -> str:
    """Put the time (UTC) where `key` has `!{timestamp:yyyy/MM/dd}`."""
    now = now.astimezone(UTC)
    return _TIMESTAMP.sub(
        lambda found: _LETTER.sub(lambda part: now.strftime(_LETTERS[part[0]]), found[1]), key
    )


def _metadata(wire: dict[str, Any]) -> dict[str, str]:
    metadata = wire.get("userMetadata") or {}
    if not isinstance(metadata, dict):
        raise S3TaskError("userMetadata is no object")
    texts = {str(name).lower(): str(value) for name, value in metadata.items()}
    if sum(len(name) + len(value.encode()) for name, value in texts.items()) > METADATA_BYTES_MAX:
        raise S3TaskError(f"userMetadata is over {METADATA_BYTES_MAX} bytes")
    if not all(re.fullmatch(r"[!-9;-~]+", name) and value.isprintable() and value.isascii()
               for name, value in texts.items()):  # fmt: skip
        raise S3TaskError("userMetadata has names or values that no HTTP header can carry")
    return texts
