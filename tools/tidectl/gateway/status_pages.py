"""The status pages of the components that run here: which port each has, and where it is."""

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

# Fixed, so that a page stays where it was found; of these the first that is free.
PORTS = range(8790, 8890)
ANSWER_S_MAX = 2.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024


def page_port(settings: Mapping[str, Any]) -> int:
    """Return the port in the settings of a component; 0 where it has no page."""
    text = str(settings.get("status_port") or 0)
    return int(text) if text.isdecimal() else 0


def page_url(settings: Mapping[str, Any]) -> str:
    """Return where the page of a component is; "" where it has none."""
    port = page_port(settings)
    return f"http://127.0.0.1:{port}/" if port else ""


def page_trouble(settings: Mapping[str, Any]) -> str:
    """Return what the page of a component says is wrong, "" for nothing or without a page."""
    if not page_port(settings):
        return ""
    found = page_data(settings)
    if found is None:
        return "its status page does not answer"
    silent = [
        f"{bus['name']}: {', '.join(bus['silent_units'])} silent"
        if bus["silent_units"]
        else f"{bus['name']} is down"
        for bus in found["buses"]
        if bus["silent_units"] or not bus["is_up"]
    ]
    return str(found["trouble"]) or "; ".join(silent)


def page_data(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the page of a component shows, None where it has none or that does not answer."""
    port = page_port(settings)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S_MAX)
    try:
        connection.request("GET", "/data")
        found = json.loads(connection.getresponse().read(ANSWER_BYTES_MAX))
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    has_all = isinstance(found, dict) and {"buses", "trouble", "queue"} <= set(found)
    return found if has_all else None


def choose_port(taken: Sequence[int]) -> int:
    """Return a port for a page, which nobody listens on and `taken` has not; 0: none is free."""
    return next((port for port in PORTS if port not in taken and _is_free(port)), 0)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
