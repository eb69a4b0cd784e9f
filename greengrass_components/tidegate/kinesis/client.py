"""One call of Kinesis, PutRecords, over a kept connection.

Blocks; standard library only. The producer decides what to do about a failure, by its type.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

import asyncio
import base64
import http.client
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from tidegate.errors import GateError
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.errors import CredentialsError, KinesisBusyError, KinesisRefusedError
from tidegate.kinesis.proxy import Proxy
from tidegate.kinesis.route import route
from tidegate.kinesis.shut import shut
from tidegate.kinesis.sigv4 import signed_headers

REQUEST_TIMEOUT_S = 6.0  # as the KPL has it
SKEW_S_MAX = 60.0  # AWS takes signatures of 5 minutes before and after its own time
_ANSWER_BYTES_MAX = 1 << 20  # 500 results of some 200 bytes, with room
_OK, _BAD_REQUEST, _FORBIDDEN, _TOO_MANY, _SERVER = 200, 400, 403, 429, 500
# Answers of status 400 that are gone on another try.
_BUSY = frozenset(
    {"LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException",
     "KMSThrottlingException", "RequestTimeout", "InternalFailure", "ServiceUnavailable"}
)  # fmt: skip
_STALE = frozenset(
    {"ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException",
     "IncompleteSignature", "RequestExpired"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record: taken where `code` is None."""

    code: str | None = None
    message: str = ""


class InThread:
    """A client whose calls run in a thread, one at a time, beside an event loop."""

    def __init__(self, client: "KinesisClient") -> None:
        self._client = client

    async def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        """As `KinesisClient.put_records`."""
        return await asyncio.to_thread(self._client.put_records, records)

    def close(self) -> None:
        """End the connection, and with it what a thread may still wait for."""
        self._client.close()


class KinesisClient:
    """Puts records into one stream (a name or an ARN), one request at a time."""

    def __init__(
        self,
        *,
        stream: str,
        region: str,
        credentials: CredentialSource,
        endpoint_url: str | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
        proxy: Proxy | None = None,
        clock_s: Callable[[], float] = time.time,
    ) -> None:
        url = urlsplit(endpoint_url or f"https://kinesis.{region}.amazonaws.com")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise GateError(f"the Kinesis endpoint is {endpoint_url!r}, not an http(s) URL")
        self._host, self._path = url.netloc, url.path or "/"
        self._connection = route(url.scheme, url.hostname, url.port, timeout_s, proxy)
        self._stream = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}
        self._region = region
        self._credentials = credentials
        self._clock_s = clock_s
        self._skew_s = 0.0  # what AWS's clock is ahead of ours

    def put_records(self, records: Sequence[tuple[str, bytes]]) -> list[Result]:
        """Put (partition key, data) pairs; return a result for each, in order.

        Raises `KinesisBusyError` where none is known to be taken and another try may do it,
        `KinesisRefusedError` where AWS says no to the request as such.
        """
        entries = [
            {"Data": base64.b64encode(data).decode(), "PartitionKey": key} for key, data in records
        ]
        body = json.dumps({**self._stream, "Records": entries}, separators=(",", ":")).encode()
        status, answer = self._post("Kinesis_20131202.PutRecords", body)
        if status != _OK:
            raise self._error(status, answer)
        try:
            results = [
                Result(entry.get("ErrorCode"), entry.get("ErrorMessage") or "")
                for entry in json.loads(answer)["Records"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise KinesisBusyError("BadAnswer", f"no answer of PutRecords: {error}") from error
        if len(results) != len(records):
            raise KinesisBusyError("BadAnswer", f"{len(results)} results of {len(records)} records")
        return results

    def close(self) -> None:
        """End the connection, also while another thread waits; the next call makes another."""
        shut(self._connection)

    def _post(self, target: str, body: bytes) -> tuple[int, bytes]:
        try:
            headers = signed_headers(
                self._credentials.get(),
                region=self._region,
                service="kinesis",
                headers={
                    "host": self._host,
                    "content-type": "application/x-amz-json-1.1",
                    "x-amz-target": target,
                },
                body=body,
                now_s=self._clock_s() + self._skew_s,
                path=self._path,
            )
            response = self._exchange(body, headers)
            answer = response.read(_ANSWER_BYTES_MAX)
            if not response.isclosed():  # an answer longer than any of AWS's
                self._connection.close()
            if response.status in (_BAD_REQUEST, _FORBIDDEN):
                self._learn_time(response.getheader("Date"))
        except CredentialsError as error:
            raise KinesisRefusedError("NoCredentials", str(error)) from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise KinesisBusyError(type(error).__name__, str(error)) from error
        return response.status, answer

    def _exchange(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Send and return the answer; once more where the other end had closed while we idled."""
        was_open = self._connection.sock is not None
        try:
            self._connection.request("POST", self._path, body, headers)
            return self._connection.getresponse()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            self._connection.close()
            if not was_open:
                raise
        self._connection.request("POST", self._path, body, headers)
        return self._connection.getresponse()

    def _learn_time(self, date: str | None) -> None:
        """Sign by AWS's clock where this machine's is far off: a gateway's may be never set."""
        try:
            theirs_s = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return
        skew_s = theirs_s - self._clock_s()
        self._skew_s = skew_s if abs(skew_s) > SKEW_S_MAX else 0.0

    def _error(self, status: int, answer: bytes) -> KinesisBusyError | KinesisRefusedError:
        try:
            facts = json.loads(answer)
            code = str(facts["__type"]).rpartition("#")[2]
            message = str(facts.get("message") or facts.get("Message") or "")
        except (ValueError, KeyError, TypeError, AttributeError):
            code, message = f"HTTP{status}", ""
        if code in _STALE:
            self._credentials.forget()
        if code in _BUSY or code in _STALE or status == _TOO_MANY or status >= _SERVER:
            return KinesisBusyError(code, message)
        return KinesisRefusedError(code, message)
