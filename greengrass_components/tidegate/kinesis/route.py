"""The way to an HTTP server: over TLS if its address says so, through a proxy if there is one."""

import http.client

from tidegate.kinesis.proxy import Proxy
from tidegate.kinesis.trust import trust


def route(
    scheme: str, host: str, port: int | None, timeout_s: float, proxy: Proxy | None = None
) -> http.client.HTTPConnection:
    """Return a connection that is opened with its first request."""
    to, at = (proxy.host, proxy.port) if proxy else (host, port)
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(to, at, timeout=timeout_s, context=trust())
    else:
        connection = http.client.HTTPConnection(to, at, timeout=timeout_s)
    if proxy:
        connection.set_tunnel(host, port, dict(proxy.headers))
    return connection
