"""A port of loopback that nobody listens on, for servers that can't tell which one they took."""

import socket


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    return _free(socket.SOCK_STREAM)


def free_port_udp() -> int:
    """Return a UDP port that was free a moment ago."""
    return _free(socket.SOCK_DGRAM)


def _free(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
