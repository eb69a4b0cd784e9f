"""Sockets taken before anything else starts, so that a port in use stops the start."""

import errno
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from tidelocal.errors import StartRefusedError
from tidelocal.settings import Settings

# Connections the kernel holds while the loop is busy; a fleet may connect at once.
BACKLOG = 512
NAMES = ("http", "mqtt", "store", "device")


@dataclass(frozen=True, slots=True)
class Listeners:
    """Bound sockets of the four doors."""

    http: socket.socket
    mqtt: socket.socket
    store: socket.socket
    device: socket.socket

    def ports(self) -> dict[str, int]:
        """Return the port of each door."""
        return {name: getattr(self, name).getsockname()[1] for name in NAMES}

    def close(self) -> None:
        """Give the ports back."""
        for name in NAMES:
            getattr(self, name).close()


def take(settings: Settings, last_ports: Mapping[str, int]) -> Listeners:
    """Bind the four doors; port 0 takes the last run's port when that is free, else any.

    Raises `StartRefusedError`, naming the port and the option that moves it.
    """
    taken: dict[str, socket.socket] = {}
    wanted = {
        "http": settings.http_port,
        "mqtt": settings.mqtt_port,
        "store": settings.store_port,
        "device": settings.device_port,
    }
    try:
        for name, port in wanted.items():
            taken[name] = _bind(name, settings.listen, port, last_ports.get(name, 0))
    except StartRefusedError:
        for door in taken.values():
            door.close()
        raise
    return Listeners(**taken)


def _bind(name: str, address: str, port: int, last_port: int) -> socket.socket:
    if port == 0 and last_port:
        try:
            return _open(address, last_port)
        except OSError:
            pass  # someone else has it now; any other will do
    try:
        return _open(address, port)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            message = f"port {port} is in use: end what holds it, or give another --{name}-port"
        elif isinstance(error, OSError) and error.errno == errno.EACCES:
            message = f"port {port} needs privileges: give --{name}-port above 1023"
        else:
            message = f"can't listen on {address}:{port}: {error}"
        raise StartRefusedError(message) from error


def _open(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004 IPv6
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((address, port))
        door.listen(BACKLOG)
        door.setblocking(False)
    except OSError:
        door.close()
        raise
    return door
