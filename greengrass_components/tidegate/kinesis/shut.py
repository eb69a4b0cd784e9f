"""End an HTTP connection from outside, so that who waits for its answer stops waiting."""

import http.client
import socket
from contextlib import suppress


def shut(connection: http.client.HTTPConnection) -> None:
    """Close `connection`; a thread that reads from it gets an error, where `close` leaves it."""
    sock: socket.socket | None = connection.sock
    if sock is not None:
        with suppress(OSError):  # it has ended already
            sock.shutdown(socket.SHUT_RDWR)
    connection.close()
