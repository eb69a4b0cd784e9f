"""CreateStream, DescribeStream, UpdateStream, DeleteStream and ListStreams of the IoT API.

Flow: front -> host (signature) -> [api: IAM] -> registry
"""

import json
import re
from typing import Any
from urllib.parse import unquote

from tidelocal.errors import StorageFullError
from tidelocal.file_streams.registry import FileStream, FileStreams, StreamRefusedError
from tidelocal.host import Answer, Host

PATH = "/streams"
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_OPERATIONS = {"POST": "CreateStream", "GET": "DescribeStream", "PUT": "UpdateStream",
               "DELETE": "DeleteStream"}  # fmt: skip
_STATUSES = {
    "ResourceNotFoundException": 404,
    "ResourceAlreadyExistsException": 409,
    "UnauthorizedException": 401,
    "LimitExceededException": 410,
}
PAGE_MAX = 250


class FileStreamsApi:
    """The control plane of streams, for the host to ask before MiniStack."""

    def __init__(self, host: Host, streams: FileStreams) -> None:
        self._host, self._streams = host, streams

    def answer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> Answer | None:
        """Answer a call about streams; None when it is about something else."""
        if path != PATH and not path.startswith(f"{PATH}/"):
            return None
        stream_id = unquote(path[len(PATH) + 1 :])
        operation = _OPERATIONS.get(method, "") if stream_id else "ListStreams"
        account, region = self._host.scopes.caller()
        resource = f"arn:aws:iot:{region}:{account}:stream/{stream_id}" if stream_id else "*"
        denied = self._host.denied(f"iot:{operation}", headers, resource)
        if denied:
            return denied
        try:
            if operation == "ListStreams":
                return _json(200, self._page(account, region, query))
            if not _NAME.fullmatch(stream_id):
                raise StreamRefusedError("InvalidRequestException", f"{stream_id!r} is no name")
            return _json(200, self._call(operation, account, region, stream_id, body))
        except StreamRefusedError as error:
            return _refused(error.code, error.message)
        except StorageFullError as error:
            return _refused("ServiceUnavailableException", str(error), 503)

    def _call(
        self, operation: str, account: str, region: str, stream_id: str, body: bytes
    ) -> dict[str, Any]:
        if operation == "DescribeStream":
            return {
                "streamInfo": _document(
                    account, region, self._streams.get(account, region, stream_id)
                )
            }
        if operation == "DeleteStream":
            self._streams.delete(account, region, stream_id)
            return {}
        try:
            request = json.loads(body or b"{}")
        except ValueError:
            raise StreamRefusedError("InvalidRequestException", "the body is not JSON") from None
        stream = self._streams.put(
            account, region, stream_id, request, new=operation == "CreateStream"
        )
        document = _document(account, region, stream)
        return {name: document[name] for name in _SUMMARY}

    def _page(self, account: str, region: str, query: dict[str, list[str]]) -> dict[str, Any]:
        streams = self._streams.streams(account, region)
        if query.get("isAscendingOrder", ["false"])[0].lower() != "true":
            streams.reverse()
        start = int(query.get("nextToken", ["0"])[0])
        end = start + min(int(query.get("maxResults", [str(PAGE_MAX)])[0]), PAGE_MAX)
        answer: dict[str, Any] = {
            "streams": [
                {name: document[name] for name in _SUMMARY}
                for document in (_document(account, region, each) for each in streams[start:end])
            ]
        }
        if end < len(streams):
            answer["nextToken"] = str(end)
        return answer


_SUMMARY = ("streamId", "streamArn", "streamVersion", "description")


def _document(account: str, region: str, stream: FileStream) -> dict[str, Any]:
    return {
        "streamId": stream.stream_id,
        "streamArn": f"arn:aws:iot:{region}:{account}:stream/{stream.stream_id}",
        "streamVersion": stream.version,
        "description": stream.description,
        "files": [
            {
                "fileId": file.file_id,
                "s3Location": {
                    "bucket": file.bucket,
                    "key": file.key,
                    **({"version": file.version} if file.version else {}),
                },
            }
            for file in stream.files
        ],
        "createdAt": stream.created_at_ms / 1000,
        "lastUpdatedAt": stream.updated_at_ms / 1000,
        "roleArn": stream.role_arn,
    }


def _refused(code: str, message: str, status: int | None = None) -> Answer:
    status = status or _STATUSES.get(code, 400)
    answer = _json(status, {"message": message})
    answer[1]["x-amzn-ErrorType"] = code
    return answer


def _json(status: int, document: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()
