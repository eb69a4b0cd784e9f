"""Export by HTTP POST: a message each, or a JSON array of messages.

A message by itself is the body as it is, with its place in the headers `x-stream-name`,
`x-sequence-number` and `x-ingest-time`. In an array it is AWS's `Message`, its payload in
base64. Any status but 2xx is tried again, for ever.
"""

import base64
import json
from collections.abc import Sequence
from urllib.parse import quote

from tidegate.kinesis.proxy import Proxy
from tidegate.segment_log import Record
from tidegate.streams.exports.connection import Connection, HttpFailedError
from tidegate.streams.exports.sender import Sent

RAW, JSON_BATCHED = 0, 1


class HttpSender:
    """Posts messages to `uri`, through `proxy` where there is one."""

    def __init__(self, uri: str, export_format: int = RAW, proxy: Proxy | None = None) -> None:
        self._connection = Connection(uri, proxy=proxy)
        query = self._connection.query
        self._target = self._connection.path + (f"?{query}" if query else "")
        self._format = export_format

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Post `records` up to the first that fails."""
        if self._format == JSON_BATCHED:
            error = self._post(_array(stream, records), {"content-type": "application/json"})
            return Sent(0 if error else len(records), error)
        for finished, record in enumerate(records):
            headers = {
                "content-type": "application/octet-stream",
                "x-stream-name": quote(stream),
                "x-sequence-number": str(record.sequence),
                "x-ingest-time": str(record.at_ms),
            }
            if error := self._post(record.payload, headers):
                return Sent(finished, error)
        return Sent(len(records))

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _post(self, body: bytes, headers: dict[str, str]) -> str | None:
        try:
            answer = self._connection.request("POST", self._target, headers, body)
        except HttpFailedError as error:
            return str(error)
        return None if answer.is_success else answer.error()


def _array(stream: str, records: Sequence[Record]) -> bytes:
    return json.dumps(
        [
            {
                "streamName": stream,
                "sequenceNumber": record.sequence,
                "ingestTime": record.at_ms,
                "payload": base64.b64encode(record.payload).decode(),
            }
            for record in records
        ]
    ).encode()
