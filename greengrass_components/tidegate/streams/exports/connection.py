"""One kept HTTP connection, blocking, with the standard library: it takes the least memory."""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

from tidegate.kinesis.proxy import Proxy
from tidegate.kinesis.route import route
from tidegate.kinesis.shut import shut
from tidegate.streams.errors import StreamsError

TIMEOUT_S = 10.0  # below the 15 s that a nucleus gives a component to end
ANSWER_BYTES_MAX = 1 << 20


class HttpFailedError(StreamsError):
    """No whole answer came: another try may do it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return self.status // 100 == 2  # noqa: PLR2004  RFC 9110's class of success

    def error(self) -> str:
        """Return a short text about an answer that is no success."""
        return f"HTTP {self.status}: {self.body[:200].decode('utf-8', 'replace')}"


class Connection:
    """A connection to the host of `url`, opened when it is needed. Raises `StreamsError`."""

    def __init__(
        self, url: str, *, timeout_s: float = TIMEOUT_S, proxy: Proxy | None = None
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StreamsError(f"{url!r} is no http(s) address")
        self.host = parts.netloc.rpartition("@")[2]
        self.path = parts.path or "/"
        self.query = parts.query
        self._connection = route(parts.scheme, parts.hostname, parts.port, timeout_s, proxy)

    def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | BinaryIO
    ) -> Answer:
        """Make a request and return its answer; raises `HttpFailedError`."""
        try:
            self._connection.request(method, target, body, dict(headers))
            response = self._connection.getresponse()
            data = response.read(ANSWER_BYTES_MAX)
            if not response.isclosed():
                self._connection.close()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise HttpFailedError(f"{self.host}: {error or type(error).__name__}") from error
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, data)

    def close(self) -> None:
        """End it, also while another thread waits for an answer; a request opens another."""
        shut(self._connection)
