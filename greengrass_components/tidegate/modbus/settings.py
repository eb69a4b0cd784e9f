"""How a Modbus connection is to be reached, and what its devices take."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tidegate.modbus.address import parse_ranges
from tidegate.modbus.errors import ModbusError
from tidegate.modbus.planner import BITS_MAX, REGISTERS_MAX, Limits
from tidegate.modbus.value_type import ORDERS
from tidegate.setting_reader import SettingReader

TCP, RTU, RTU_OVER_TCP = "tcp", "rtu", "rtu_over_tcp"
TRANSPORTS = (TCP, RTU, RTU_OVER_TCP)
_SCHEMES = {
    "tcp": TCP, "modbus": TCP, "modbus+tcp": TCP, "rtu": RTU, "modbus+rtu": RTU,
    "rtu+tcp": RTU_OVER_TCP, "modbus+rtu+tcp": RTU_OVER_TCP,
}  # fmt: skip
PORT = 502
_CHARACTER_BITS = 11
_FRAME_CHARACTERS = 13  # of a request and an answer of registers, without the values
_SILENT_CHARACTERS = 3.5  # before a frame, by the norm
_SILENT_MS_MIN = 1.75  # above 19,200 baud
_AUTO = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModbusSettings:
    """`host` and `port` are of TCP, the next five of a serial line.

    `round_trip_ms` is what a device takes to answer, apart from the bytes' own time: for the plan
    and its predicted load, never waited for. `pause_ms` is waited before each request,
    `pause_after_connect_ms` once. `gap_max` is -1 where the plan is to find it.
    """

    transport: str
    host: str = ""
    port: int = PORT
    device: str = ""
    baud_rate: int = 9_600
    parity: str = "E"
    data_bits: int = 8
    stop_bits: int = 1
    timeout_ms: int = 1_000
    pause_ms: float = 0.0
    pause_after_connect_ms: int = 0
    round_trip_ms: float = 5.0
    order: str = "ABCD"
    limits: Limits = field(default_factory=Limits)

    @property
    def where(self) -> str:
        """Return the connection for people."""
        return self.device if self.transport == RTU else f"{self.host}:{self.port}"

    def wire_s(self, request_bytes: int, answer_bytes: int) -> float:
        """Return how long the bytes of an exchange take, with the silence that is due."""
        if self.transport != RTU:
            return self.pause_ms / 1000
        characters = request_bytes + answer_bytes + 2 * _SILENT_CHARACTERS
        return characters * _CHARACTER_BITS / self.baud_rate + self.pause_ms / 1000


def read_settings(mapping: Mapping[str, Any]) -> ModbusSettings:
    """Return the settings in `mapping`; raises `SettingsError` with all mistakes."""
    mapping = dict(mapping)
    reader = SettingReader(mapping | _of_url(str(mapping.pop("url", "") or ""), mapping))
    transport = reader.choice("transport", TRANSPORTS, TCP)
    serial = transport == RTU
    baud_rate = reader.integer("baud_rate", 9_600, 110, 4_000_000)
    silent_ms = max(_SILENT_MS_MIN, _SILENT_CHARACTERS * _CHARACTER_BITS / baud_rate * 1000)
    host = reader.text("host", None if not serial else "")
    pause_ms = reader.number("pause_ms", silent_ms if serial else 0.0, 0, 10_000)
    round_trip_ms = reader.number("round_trip_ms", 5.0, 0, 60_000)
    gap_max = reader.integer("gap_max", _AUTO, _AUTO, REGISTERS_MAX)
    if gap_max == _AUTO:
        gap_max = _cheap_gap(transport, baud_rate, round_trip_ms + pause_ms)
    settings = ModbusSettings(
        transport=transport,
        host=host,
        port=reader.integer("port", PORT, 1, 65_535),
        device=reader.text("device", None if serial else ""),
        baud_rate=baud_rate,
        parity=reader.choice("parity", ("N", "E", "O"), "E"),
        data_bits=reader.integer("data_bits", 8, 7, 8),
        stop_bits=reader.integer("stop_bits", 1, 1, 2),
        timeout_ms=reader.integer("timeout_ms", 1_000, 10, 60_000),
        pause_ms=pause_ms,
        pause_after_connect_ms=reader.integer("pause_after_connect_ms", 0, 0, 60_000),
        round_trip_ms=round_trip_ms,
        order=reader.choice("order", ORDERS, "ABCD"),
        limits=_limits(reader, gap_max),
    )
    reader.finish()
    return settings


def _limits(reader: SettingReader, gap_max: int) -> Limits:
    text = reader.text("forbidden", "")
    try:
        forbidden = tuple(parse_ranges(text))
    except ModbusError as error:
        reader.mistake("forbidden", f"is wrong: {error}")
        forbidden = ()
    return Limits(
        registers_max=reader.integer("registers_max", REGISTERS_MAX, 1, REGISTERS_MAX),
        bits_max=reader.integer("bits_max", BITS_MAX, 1, BITS_MAX),
        gap_max=gap_max,
        forbidden=forbidden,
    )


def _cheap_gap(transport: str, baud_rate: int, extra_ms: float) -> int:
    """Return how many unwanted registers cost as much time as another request."""
    if transport != RTU:
        return REGISTERS_MAX
    character_ms = _CHARACTER_BITS / baud_rate * 1000
    request_ms = (_FRAME_CHARACTERS + 2 * _SILENT_CHARACTERS) * character_ms + extra_ms
    return min(REGISTERS_MAX, int(request_ms / (2 * character_ms)))


def _of_url(url: str, others: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in `tcp://host:502` or `rtu:///dev/ttyUSB0?baud_rate=19200`."""
    if not url:
        return {}
    try:
        parts = urlsplit(url)
        transport, port = _SCHEMES[parts.scheme], parts.port
    except (KeyError, ValueError):
        raise ModbusError(
            f"url {url!r} is none: tcp://HOST:502, rtu+tcp://HOST:PORT"
            " or rtu:///dev/ttyUSB0?baud_rate=19200&parity=E"
        ) from None
    found: dict[str, Any] = dict(parse_qsl(parts.query)) | {"transport": transport}
    if transport == RTU:
        found["device"] = parts.netloc + parts.path
    else:
        found |= {"host": parts.hostname or "", "port": port or PORT}
    return {name: value for name, value in found.items() if name not in others}
