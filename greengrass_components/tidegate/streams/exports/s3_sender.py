"""Export files to S3: each message is a task that names a file; done in their order.

A file is read in pieces, never whole. Larger ones go in parts. What can never work (no task, no
file, no such bucket) is reported as failed and passed over; the rest is tried again.
"""

import hashlib
import io
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import quote

from tidegate.segment_log import Record
from tidegate.streams.exports.aws_access import AwsAccess, AwsConnection
from tidegate.streams.exports.connection import Answer, HttpFailedError
from tidegate.streams.exports.s3_task import S3Task, S3TaskError, task_of
from tidegate.streams.exports.sender import Report, Sent

PARTS_MAX = 10_000  # of S3
_READ_BYTES = 65_536
_ERROR, _WARN, _INFO = 0, 1, 2
_SUCCESS, _FAILURE, _IN_PROGRESS, _WARNING = 0, 1, 2, 3
_HOPELESS = ("NoSuchBucket", "EntityTooLarge", "InvalidArgument", "KeyTooLongError")


class S3Sender:
    """Uploads the files that messages name."""

    def __init__(
        self,
        access: AwsAccess,
        identifier: str,
        part_bytes: int,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._access, self._identifier, self._part_bytes, self._now = (
            access, identifier, part_bytes, now,
        )  # fmt: skip
        self._connections: dict[str, AwsConnection] = {}
        self._begun: int | None = None

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Do the first task of `records`."""
        record, reports = records[0], []
        task: S3Task | None = None

        def report(level: int, status: int, message: str) -> None:
            reports.append(
                self._report(stream, record, task, level=level, status=status, message=message)
            )

        try:
            task = task_of(record.payload, self._now())
            if self._begun != record.sequence:
                self._begun = record.sequence
                report(_INFO, _IN_PROGRESS, f"uploading {task.path}")
            self._upload(task)
        except S3TaskError as error:
            report(_ERROR, _FAILURE, str(error))
            return Sent(1, str(error), reports=tuple(reports))
        except HttpFailedError as error:
            report(_WARN, _WARNING, f"will be tried again: {error}")
            return Sent(0, str(error), reports=tuple(reports))
        report(_INFO, _SUCCESS, f"uploaded to s3://{task.bucket}/{task.key}")
        return Sent(1, reports=tuple(reports))

    def close(self) -> None:
        """End the connections."""
        for connection in self._connections.values():
            connection.close()

    def _upload(self, task: S3Task) -> None:
        connection, prefix = self._connection(task.bucket)
        path = f"{prefix}/{quote(task.key, safe='/-_.~')}"
        headers = {f"x-amz-meta-{name}": value for name, value in task.metadata.items()}
        try:
            with task.path.open("rb") as file:
                size = file.seek(0, io.SEEK_END)
                if size <= self._part_bytes:
                    _checked(_put(connection, path, file, 0, size, headers=headers))
                else:
                    self._upload_parts(connection, path, file, size, headers)
        except OSError as error:
            raise S3TaskError(f"{task.path}: {error.strerror or error}") from error

    def _upload_parts(
        self,
        connection: AwsConnection,
        path: str,
        file: BinaryIO,
        size: int,
        headers: dict[str, str],
    ) -> None:
        part_bytes = max(self._part_bytes, -(-size // PARTS_MAX))
        answer = _checked(connection.request("POST", path, query={"uploads": ""}, headers=headers))
        found = re.search(rb"<UploadId>([^<]+)</UploadId>", answer.body)
        if not found:
            raise HttpFailedError("S3 gave no UploadId")
        upload = {"uploadId": found[1].decode()}
        try:
            tags = []
            for number, start in enumerate(range(0, size, part_bytes), start=1):
                query = {"partNumber": str(number), **upload}
                count = min(part_bytes, size - start)
                part = _checked(_put(connection, path, file, start, count, query=query))
                tags.append((number, part.headers.get("etag", "")))
            listed = "".join(
                f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
                for number, tag in tags
            )
            body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
            answer = _checked(connection.request("POST", path, query=upload, body=body))
            if b"<Error>" in answer.body:  # S3 may say 200 before it knows
                raise HttpFailedError(answer.error())
        except (HttpFailedError, S3TaskError, OSError):
            _abort(connection, path, upload)  # parts that nobody completes cost money
            raise

    def _connection(self, bucket: str) -> tuple[AwsConnection, str]:
        endpoint = self._access.endpoints.get("s3")
        # A bucket with dots has no certificate as a host name.
        by_path = endpoint is not None or "." in bucket
        if endpoint is None:
            host = f"s3.{self._access.region}.amazonaws.com"
            endpoint = f"https://{host}" if by_path else f"https://{bucket}.{host}"
        if endpoint not in self._connections:
            self.close()
            self._connections = {endpoint: AwsConnection(self._access, "s3", endpoint)}
        return self._connections[endpoint], f"/{bucket}" if by_path else ""

    def _report(
        self,
        stream: str,
        record: Record,
        task: S3Task | None,
        *,
        level: int,
        status: int,
        message: str,
    ) -> Report:
        context = {
            "exportIdentifier": self._identifier,
            "streamName": stream,
            "sequenceNumber": record.sequence,
        }
        if task:
            context["s3ExportTaskDefinition"] = task.wire
        return Report(
            level,
            {
                "eventType": 0,
                "statusLevel": level,
                "status": status,
                "statusContext": context,
                "message": message,
                "timestampEpochMs": int(self._now().timestamp() * 1_000),
            },
        )


class _Slice(io.RawIOBase):
    """Part of a file, as a file to be sent."""

    def __init__(self, file: BinaryIO, start: int, count: int) -> None:
        self._file, self._left = file, count
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        data = self._file.read(size)
        self._left -= len(data)
        return data


def _put(
    connection: AwsConnection,
    path: str,
    file: BinaryIO,
    start: int,
    count: int,
    *,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    digest, whole = hashlib.sha256(), _Slice(file, start, count)
    while data := whole.read(_READ_BYTES):
        digest.update(data)
    return connection.request(
        "PUT",
        path,
        query=query,
        headers={"content-length": str(count), **(headers or {})},
        body=_Slice(file, start, count) if count else b"",  # type: ignore[arg-type]  # only read() is used
        body_sha256=digest.hexdigest(),
    )


def _checked(answer: Answer) -> Answer:
    if answer.is_success:
        return answer
    if any(code.encode() in answer.body for code in _HOPELESS):
        raise S3TaskError(answer.error())
    raise HttpFailedError(answer.error())


def _abort(connection: AwsConnection, path: str, upload: dict[str, str]) -> None:
    try:
        connection.request("DELETE", path, query=upload)
    except HttpFailedError:
        return  # its parts go by the bucket's lifecycle rule
