"""The streams there are, and the bytes of their files.

Flow: API, delivery -> [registry] -> S3, read as the stream's role
Kept in one file, written whole before a change is answered. A file that changed in S3 since its
stream was made is not served: half of one and half of another would be worse than none.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tidelocal.errors import LocalCloudError
from tidelocal.file_streams.block_request import FILE_BYTES_MAX, FILE_ID_MAX
from tidelocal.host import Host
from tidelocal.state_directory import write_whole

FILES_MAX = 50
STREAMS_MAX = 10_000  # AWS gives an account as many


class StreamRefusedError(LocalCloudError):
    """The call is answered with the exception `code` of AWS's API."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class StreamFile:
    """A file of a stream: where it lies, and what it was when the stream was made."""

    file_id: int
    bucket: str
    key: str
    version: str | None
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True)
class FileStream:
    """One stream; each change makes the next `version`."""

    stream_id: str
    version: int
    description: str
    role_arn: str
    files: tuple[StreamFile, ...]
    created_at_ms: int
    updated_at_ms: int


class FileStreams:
    """The streams of every account and region."""

    def __init__(self, host: Host, folder: Path) -> None:
        self._host, self._path = host, folder / "streams.json"
        self._streams: dict[tuple[str, str, str], FileStream] = {}
        if self._path.exists():
            for account, region, document in json.loads(self._path.read_bytes()):
                files = tuple(StreamFile(**file) for file in document.pop("files"))
                stream = FileStream(**document, files=files)
                self._streams[account, region, stream.stream_id] = stream

    def put(
        self, account: str, region: str, stream_id: str, request: dict[str, Any], *, new: bool
    ) -> FileStream:
        """Make a stream, or change what `request` gives; raises `StreamRefusedError`."""
        before = self._streams.get((account, region, stream_id))
        if new and before:
            raise StreamRefusedError(
                "ResourceAlreadyExistsException", f"stream {stream_id} exists already"
            )
        if new and len(self._streams) >= STREAMS_MAX:
            raise StreamRefusedError("LimitExceededException", f"{STREAMS_MAX} streams are there")
        if not new and not before:
            raise _absent(stream_id)
        role_arn = request.get("roleArn") or (before.role_arn if before else "")
        if "files" in request or before is None:
            files = tuple(self._files(account, region, role_arn, request.get("files")))
        else:
            files = before.files
        now_ms = time.time_ns() // 1_000_000
        stream = FileStream(
            stream_id,
            before.version + 1 if before else 1,
            str(request.get("description", before.description if before else "")),
            role_arn,
            files,
            before.created_at_ms if before else now_ms,
            now_ms,
        )
        self._keep({**self._streams, (account, region, stream_id): stream})
        return stream

    def get(self, account: str, region: str, stream_id: str) -> FileStream:
        """Return a stream; raises `StreamRefusedError`."""
        try:
            return self._streams[account, region, stream_id]
        except KeyError:
            raise _absent(stream_id) from None

    def streams(self, account: str, region: str) -> list[FileStream]:
        """Return the streams of one account and region by name."""
        return [
            stream for key, stream in sorted(self._streams.items()) if key[:2] == (account, region)
        ]

    def delete(self, account: str, region: str, stream_id: str) -> None:
        """Forget a stream; its files stay in S3."""
        self.get(account, region, stream_id)
        self._keep(
            {
                key: stream
                for key, stream in self._streams.items()
                if key != (account, region, stream_id)
            }
        )

    def read(self, account: str, region: str, stream: FileStream, file_id: int) -> bytes:
        """Return a file's bytes as the stream's role may read them; raises `StreamRefusedError`."""
        for file in stream.files:
            if file.file_id == file_id:
                data = self._host.services.read_object(
                    account, region, stream.role_arn, file.bucket, file.key, file.version
                )
                if data is None:
                    raise StreamRefusedError("Unauthorized", "the stream's role may not read it")
                if _digest(data) != file.digest:
                    raise StreamRefusedError(
                        "ETagMismatch", f"{file.key} changed since its stream was made"
                    )
                return data
        raise StreamRefusedError("ResourceNotFound", f"the stream has no file {file_id}")

    def _files(self, account: str, region: str, role_arn: str, wanted: Any) -> list[StreamFile]:
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= FILES_MAX:
            raise StreamRefusedError(
                "InvalidRequestException", f"files: 1 to {FILES_MAX} are needed"
            )
        files = [self._file(account, region, role_arn, each) for each in wanted]
        if len({file.file_id for file in files}) != len(files):
            raise StreamRefusedError("InvalidRequestException", "two files have one fileId")
        return files

    def _file(self, account: str, region: str, role_arn: str, wanted: Any) -> StreamFile:
        location = wanted.get("s3Location") if isinstance(wanted, dict) else None
        file_id = wanted.get("fileId") if isinstance(wanted, dict) else None
        if not isinstance(location, dict) or not isinstance(file_id, int):
            raise StreamRefusedError(
                "InvalidRequestException", "a file needs fileId and s3Location"
            )
        if not 0 <= file_id <= FILE_ID_MAX:
            raise StreamRefusedError(
                "InvalidRequestException", f"fileId is {file_id}, 0 to {FILE_ID_MAX}"
            )
        bucket, key = str(location.get("bucket")), str(location.get("key"))
        data = self._host.services.read_object(
            account, region, role_arn, bucket, key, location.get("version")
        )
        if data is None:
            raise StreamRefusedError(
                "UnauthorizedException", f"{role_arn} may not read s3://{bucket}/{key}"
            )
        if len(data) > FILE_BYTES_MAX:
            raise StreamRefusedError(
                "InvalidRequestException", f"{key} has {len(data)} bytes, {FILE_BYTES_MAX} at most"
            )
        return StreamFile(file_id, bucket, key, location.get("version"), len(data), _digest(data))

    def _keep(self, streams: dict[tuple[str, str, str], FileStream]) -> None:
        documents = [
            (account, region, asdict(stream)) for (account, region, _), stream in streams.items()
        ]
        write_whole(self._path, json.dumps(documents).encode())
        self._streams = streams


def _absent(stream_id: str) -> StreamRefusedError:
    return StreamRefusedError("ResourceNotFoundException", f"there is no stream {stream_id}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
