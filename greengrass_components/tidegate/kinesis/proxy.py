"""The HTTP proxy that a plant's network has between its gateways and AWS.

Greengrass gives components the usual variables: `HTTPS_PROXY` (`http://host:port`, also with
`user:password@`) and `NO_PROXY`, hosts and domains apart by commas; small letters count as well.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tidegate.errors import GateError

_PORT = 3128


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where to ask for a tunnel; `headers` may hold who asks."""

    host: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def proxy_for(host: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy on the way to `host`, None where there is none; raises `GateError`."""
    value = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    if not value or _is_excepted(host, environment):
        return None
    try:
        url = urlsplit(value if "://" in value else f"http://{value}")
        port = url.port or _PORT
    except ValueError:
        url, port = urlsplit(""), 0
    if url.scheme != "http" or not url.hostname or not port:
        # Not the value itself: it may hold a password.
        raise GateError("HTTPS_PROXY is no http://host:port")
    headers = {}
    if url.username is not None:
        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return Proxy(url.hostname, port, headers)


def proxy_to(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy on the way to `url`; plain HTTP goes directly. Raises `GateError`."""
    parts = urlsplit(url)
    return proxy_for(parts.hostname or "", environment) if parts.scheme == "https" else None


def _is_excepted(host: str, environment: Mapping[str, str]) -> bool:
    listed = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    for entry in (one.strip().lstrip(".") for one in listed.split(",")):
        if entry and (entry in ("*", host) or host.endswith(f".{entry}")):
            return True
    return False
