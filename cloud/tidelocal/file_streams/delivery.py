"""The MQTT side of streams: describe a stream, send blocks of its files.

Flow: $aws/things/<thing>/streams/<stream>/{describe,get}/json -> [delivery] -> description, data
JSON only, with the payload in base64; AWS also has a CBOR form.
"""

import base64
from collections.abc import Iterator
from typing import Any

from tidelocal.file_streams.block_request import RequestRefusedError, document_of, parse
from tidelocal.file_streams.registry import FileStreams, StreamRefusedError

Reply = tuple[str, dict[str, Any]]
# The registry names absence as the API does; MQTT has its own word.
_CODES = {"ResourceNotFoundException": "ResourceNotFound"}


class FileDelivery:
    """Turns one request into its answers."""

    def __init__(self, streams: FileStreams) -> None:
        self._streams = streams

    def answer(
        self, account: str, region: str, stream_id: str, operation: str, payload: bytes
    ) -> list[Reply]:
        """Return what to send, 128 KB of blocks at most, or why nothing is sent."""
        serve = self._describe if operation == "describe" else self._get
        try:
            return list(serve(account, region, stream_id, payload))
        except RequestRefusedError as error:
            document = {"o": error.code, "m": error.message, "c": error.token}
            return [("rejected", _present(document))]

    def _describe(
        self, account: str, region: str, stream_id: str, payload: bytes
    ) -> Iterator[Reply]:
        _document, token = document_of(payload)
        with _Refusing(token):
            stream = self._streams.get(account, region, stream_id)
        files = [{"f": file.file_id, "z": file.size_bytes} for file in stream.files]
        yield (
            "description",
            _present({"c": token, "s": stream.version, "d": stream.description, "r": files}),
        )

    def _get(self, account: str, region: str, stream_id: str, payload: bytes) -> Iterator[Reply]:
        request = parse(payload)
        with _Refusing(request.token):
            stream = self._streams.get(account, region, stream_id)
            if request.version is not None and request.version != stream.version:
                raise StreamRefusedError(
                    "VersionMismatch", f"the stream's version is {stream.version}"
                )
            data = self._streams.read(account, region, stream, request.file_id)
        blocks = list(request.blocks(len(data)))
        if not blocks:
            raise RequestRefusedError(
                "ResourceNotFound", f"a file of {len(data)} bytes has no such block", request.token
            )
        for block in blocks:
            start = block * request.block_bytes
            part = data[start : start + request.block_bytes]
            yield (
                "data",
                _present(
                    {
                        "c": request.token,
                        "f": request.file_id,
                        "l": len(part),
                        "i": block,
                        "p": base64.b64encode(part).decode(),
                    }
                ),
            )


class _Refusing:
    """Gives the registry's refusals the device's token."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StreamRefusedError):
            code = _CODES.get(error.code, error.code)
            raise RequestRefusedError(code, error.message, self._token) from error


def _present(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}
