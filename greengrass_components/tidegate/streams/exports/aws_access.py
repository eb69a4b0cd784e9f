"""How the exports reach AWS: region, credentials, and endpoints that aren't the usual ones."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import quote

from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.errors import CredentialsError
from tidegate.kinesis.proxy import Proxy, proxy_to
from tidegate.kinesis.sigv4 import signed_headers
from tidegate.streams.exports.connection import Answer, Connection, HttpFailedError

_FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """Where AWS is; `endpoints` maps `kinesis`, `s3`, `iotdata`, `iotsitewise` to another URL.

    `environment` has the usual variables of a plant's proxy.
    """

    region: str
    credentials: CredentialSource
    endpoints: Mapping[str, str]
    clock_s: Callable[[], float] = time.time
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def proxy_to(self, url: str) -> Proxy | None:
        """Return the proxy on the way to `url`; raises `GateError`."""
        return proxy_to(url, self.environment)


class AwsConnection:
    """Signed requests to one service."""

    def __init__(self, access: AwsAccess, service: str, url: str) -> None:
        self._access, self._service = access, service
        self._connection = Connection(url, proxy=access.proxy_to(url))
        self._prefix = self._connection.path.rstrip("/")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | BinaryIO = b"",
        body_sha256: str | None = None,
    ) -> Answer:
        """Sign and make a request; `path` is encoded. Raises `HttpFailedError`."""
        path = self._prefix + path
        pairs = sorted((_encoded(k), _encoded(v)) for k, v in (query or {}).items())
        text = "&".join(f"{key}={value}" for key, value in pairs)
        if body_sha256 is None:
            body_sha256 = hashlib.sha256(body if isinstance(body, bytes) else b"").hexdigest()
        canonical = path if self._service == "s3" else quote(path, safe="/-_.~")
        try:
            signed = signed_headers(
                self._access.credentials.get(),
                region=self._access.region,
                service=self._service,
                headers={
                    "host": self._connection.host,
                    "x-amz-content-sha256": body_sha256,
                    **(headers or {}),
                },
                body=b"",
                now_s=self._access.clock_s(),
                path=canonical,
                method=method,
                query=text,
                body_sha256=body_sha256,
            )
        except CredentialsError as error:
            raise HttpFailedError(str(error)) from error
        answer = self._connection.request(method, f"{path}?{text}" if text else path, signed, body)
        if answer.status == _FORBIDDEN:
            self._access.credentials.forget()  # they may have expired early
        return answer

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
