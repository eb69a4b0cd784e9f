"""Where the local cloud listens and keeps its state."""

import argparse
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PORT_MAX = 65535
HTTP_PORT, MQTT_PORT, STORE_PORT = 4566, 8883, 8181
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the local cloud is told; port 0 takes a free one."""

    state: Path
    http_port: int = HTTP_PORT
    mqtt_port: int = MQTT_PORT
    store_port: int = STORE_PORT
    listen: str = LOOPBACK
    device_port: int = 0  # a free one: devices are told its address
    region: str = "us-east-1"
    account: str = "000000000000"

    @property
    def address(self) -> str:
        """Where this machine reaches the doors: loopback when they are open to every address."""
        listen = ipaddress.ip_address(self.listen)
        if listen.is_unspecified:
            return LOOPBACK if listen.version == 4 else "::1"  # noqa: PLR2004 IPv4
        return self.listen

    @property
    def url_host(self) -> str:
        """`address` as a URL has it."""
        return f"[{self.address}]" if ":" in self.address else self.address


def parse(arguments: Sequence[str]) -> Settings:
    """Read the command line; mistakes leave with exit code 2, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m tidelocal", description="The AWS services of Tidegauge on this machine."
    )
    parser.add_argument("--state", type=Path, required=True, help="directory that keeps everything")
    parser.add_argument("--http-port", type=_port, default=HTTP_PORT, help="AWS APIs")
    parser.add_argument("--mqtt-port", type=_port, default=MQTT_PORT, help="IoT broker")
    parser.add_argument("--store-port", type=_port, default=STORE_PORT, help="InfluxDB 3")
    parser.add_argument("--device-port", type=_port, default=0, help="gateways, by certificate")
    parser.add_argument(
        "--listen",
        type=_address,
        default=LOOPBACK,
        metavar="ADDRESS",
        help="loopback unless you say so",
    )
    options = parser.parse_args(arguments)
    return Settings(
        state=options.state.resolve(),
        http_port=options.http_port,
        mqtt_port=options.mqtt_port,
        store_port=options.store_port,
        listen=options.listen,
        device_port=options.device_port,
    )


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address") from None


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to {PORT_MAX}")
    return port
