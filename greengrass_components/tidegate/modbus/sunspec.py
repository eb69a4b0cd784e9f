"""SunSpec: inverters and meters that say themselves what they have, and a tag map of it.

A device has the text `SunS` at register 40000, 50000 or 0, and behind it models: number, length,
points. Scale factors are read once, when the tag map is made; points that a device does not
have are left out. SunSpec Information Model Specification, and the models 1, 101-103, 111-113 and
201-204 of https://github.com/sunspec/models; a test compares them with those of pysunspec2.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.modbus.address import Table
from tidegate.modbus.errors import ModbusError, ModbusExceptionError
from tidegate.modbus.link import Link

BASES = (40_000, 50_000, 0)
_MARK = (0x5375, 0x6E53)  # "SunS"
_END = 0xFFFF
_MODELS_MAX = 64
_REGISTERS_PER_READ = 125
_COMMON = 1
_SCALE_MAX = 10


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a model: where it stands from the model's number on, and where its scale does.

    `type` is that of a tag, or `acc32`: a counter, of which 0 may mean that there is none, and is
    taken for its value.
    """

    field: str
    offset: int
    type: str
    unit: str = ""
    scale_offset: int | None = None

    @property
    def registers(self) -> int:
        """Return how many registers it takes."""
        return 2 if self.type in ("uint32", "acc32", "float32") else 1

    @property
    def tag_type(self) -> str:
        """Return its type as a tag map has it."""
        return "uint32" if self.type == "acc32" else self.type

    @property
    def missing(self) -> int | None:
        """Return the raw value of a point that the device does not have."""
        return {"int16": -0x8000, "uint16": 0xFFFF, "uint32": 0xFFFF_FFFF}.get(self.type)


@dataclass(frozen=True, slots=True)
class Model:
    """A model that a device has, with the registers of it."""

    number: int
    first: int
    registers: tuple[int, ...]

    def text(self, offset: int, registers: int) -> str:
        """Return a text of the model."""
        words = self.registers[offset : offset + registers]
        data = struct.pack(f">{len(words)}H", *words)
        return data.split(b"\0")[0].decode("utf-8", errors="replace").strip()

    def points(self) -> list[tuple[Point, float]]:
        """Return the points that the device has, each with its scale."""
        found = []
        for point in POINTS.get(self.number, ()):
            scale = self._scale(point)
            if scale is not None and self._has(point):
                found.append((point, scale))
        return found

    def _scale(self, point: Point) -> float | None:
        if point.scale_offset is None:
            return 1.0
        if point.scale_offset >= len(self.registers):
            return None
        (power,) = struct.unpack(">h", struct.pack(">H", self.registers[point.scale_offset]))
        return float(f"1e{power}") if -_SCALE_MAX <= power <= _SCALE_MAX else None

    def _has(self, point: Point) -> bool:
        words = self.registers[point.offset : point.offset + point.registers]
        if len(words) < point.registers:
            return False
        data = struct.pack(f">{len(words)}H", *words)
        code = {"int16": "h", "uint16": "H", "uint32": "I", "float32": "f"}[point.tag_type]
        (value,) = struct.unpack(f">{code}", data)
        return value != point.missing and not math.isnan(value)


@dataclass(frozen=True, slots=True)
class SunspecDevice:
    """What a unit says of itself."""

    unit: int
    maker: str
    name: str
    serial: str
    models: tuple[Model, ...]


async def discover(link: Link, unit: int, timeout_s: float) -> SunspecDevice:
    """Return what a unit has; raises `ModbusError` where it speaks no SunSpec."""
    for base in BASES:
        try:
            mark = await _read(link, unit, base, 2, timeout_s)
        except ModbusExceptionError:
            continue
        if tuple(mark) == _MARK:
            return _device(unit, await _models(link, unit, base + 2, timeout_s))
    places = ", ".join(map(str, BASES))
    raise ModbusError(f"unit {unit} speaks no SunSpec: there is no 'SunS' at register {places}")


def tag_map_of(devices: Sequence[SunspecDevice], url: str, *, period_ms: int = 1_000) -> str:
    """Return a tag map that reads all points of the devices that have a unit of measure."""
    lines = ["adapter: modbus", f"period_ms: {period_ms}", "connections:"]
    lines += [f'  sunspec: {{url: "{url}"}}', "groups:"]
    for device in devices:
        lines.append(f"  # {device.maker} {device.name}, serial number {device.serial}")
        seen: dict[str, int] = {}
        for model in device.models:
            if not (points := model.points()):
                continue
            kind = "meter" if model.number in _METERS else "inverter"
            seen[kind] = seen.get(kind, 0) + 1
            suffix = f"_{seen[kind]}" if seen[kind] > 1 else ""
            lines += [
                f"  - measurement: {kind}_{device.unit}{suffix}", f'    unit: "{device.unit}"',
                f"    tags:  # model {model.number}",
            ]  # fmt: skip
            lines += [_tag_line(model, point, scale) for point, scale in points]
    return "\n".join(lines) + "\n"


def _tag_line(model: Model, point: Point, scale: float) -> str:
    parts = [
        f"field: {point.field}", f'address: "holding:{model.first + point.offset}"',
        f"type: {point.tag_type}",
    ]  # fmt: skip
    if scale != 1:
        parts.append(f"scale: {scale:.10f}".rstrip("0").rstrip("."))
    if point.unit:
        parts.append(f'unit: "{point.unit}"')
    if point.missing is not None:
        parts.append(f'missing: "{point.missing}"')
    return f"      - {{{', '.join(parts)}}}"


async def _models(link: Link, unit: int, first: int, timeout_s: float) -> list[Model]:
    found: list[Model] = []
    while len(found) < _MODELS_MAX:
        number, length = await _read(link, unit, first, 2, timeout_s)
        if number == _END:
            break
        registers = await _read(link, unit, first, length + 2, timeout_s)
        found.append(Model(number, first, tuple(registers)))
        first += length + 2
    return found


async def _read(link: Link, unit: int, first: int, count: int, timeout_s: float) -> list[int]:
    registers: list[int] = []
    while len(registers) < count:
        part = min(_REGISTERS_PER_READ, count - len(registers))
        place = first + len(registers)
        registers += map(int, await link.read(unit, Table.HOLDING, place, part, timeout_s))
    return registers


def _device(unit: int, models: list[Model]) -> SunspecDevice:
    common = next((model for model in models if model.number == _COMMON), None)
    if common is None:
        return SunspecDevice(unit, "unknown maker", "", "", tuple(models))
    return SunspecDevice(
        unit, common.text(2, 16), common.text(18, 16), common.text(50, 16), tuple(models)
    )


def _points(*facts: tuple[str, int, str, str, int | None]) -> tuple[Point, ...]:
    return tuple(Point(*fact) for fact in facts)


_INVERTER = _points(
    ("current_a", 2, "uint16", "A", 6), ("current_phase_a_a", 3, "uint16", "A", 6),
    ("current_phase_b_a", 4, "uint16", "A", 6), ("current_phase_c_a", 5, "uint16", "A", 6),
    ("voltage_ab_v", 7, "uint16", "V", 13), ("voltage_bc_v", 8, "uint16", "V", 13),
    ("voltage_ca_v", 9, "uint16", "V", 13), ("voltage_phase_a_v", 10, "uint16", "V", 13),
    ("voltage_phase_b_v", 11, "uint16", "V", 13), ("voltage_phase_c_v", 12, "uint16", "V", 13),
    ("power_w", 14, "int16", "W", 15), ("frequency_hz", 16, "uint16", "Hz", 17),
    ("apparent_power_va", 18, "int16", "VA", 19), ("reactive_power_var", 20, "int16", "var", 21),
    ("power_factor_percent", 22, "int16", "%", 23), ("energy_wh", 24, "acc32", "Wh", 26),
    ("dc_current_a", 27, "uint16", "A", 28), ("dc_voltage_v", 29, "uint16", "V", 30),
    ("dc_power_w", 31, "int16", "W", 32), ("cabinet_temperature_c", 33, "int16", "degC", 37),
    ("heat_sink_temperature_c", 34, "int16", "degC", 37), ("state", 38, "uint16", "", None),
    ("state_of_vendor", 39, "uint16", "", None), ("events", 40, "uint32", "", None),
)  # fmt: skip
_INVERTER_FLOAT = _points(
    ("current_a", 2, "float32", "A", None), ("current_phase_a_a", 4, "float32", "A", None),
    ("current_phase_b_a", 6, "float32", "A", None), ("current_phase_c_a", 8, "float32", "A", None),
    ("voltage_ab_v", 10, "float32", "V", None), ("voltage_bc_v", 12, "float32", "V", None),
    ("voltage_ca_v", 14, "float32", "V", None), ("voltage_phase_a_v", 16, "float32", "V", None),
    ("voltage_phase_b_v", 18, "float32", "V", None),
    ("voltage_phase_c_v", 20, "float32", "V", None), ("power_w", 22, "float32", "W", None),
    ("frequency_hz", 24, "float32", "Hz", None), ("apparent_power_va", 26, "float32", "VA", None),
    ("reactive_power_var", 28, "float32", "var", None),
    ("power_factor_percent", 30, "float32", "%", None), ("energy_wh", 32, "float32", "Wh", None),
    ("dc_current_a", 34, "float32", "A", None), ("dc_voltage_v", 36, "float32", "V", None),
    ("dc_power_w", 38, "float32", "W", None),
    ("cabinet_temperature_c", 40, "float32", "degC", None),
    ("heat_sink_temperature_c", 42, "float32", "degC", None), ("state", 48, "uint16", "", None),
    ("state_of_vendor", 49, "uint16", "", None), ("events", 50, "uint32", "", None),
)  # fmt: skip
_METER = _points(
    ("current_a", 2, "int16", "A", 6), ("current_phase_a_a", 3, "int16", "A", 6),
    ("current_phase_b_a", 4, "int16", "A", 6), ("current_phase_c_a", 5, "int16", "A", 6),
    ("voltage_phase_a_v", 8, "int16", "V", 15), ("voltage_phase_b_v", 9, "int16", "V", 15),
    ("voltage_phase_c_v", 10, "int16", "V", 15), ("voltage_ab_v", 12, "int16", "V", 15),
    ("voltage_bc_v", 13, "int16", "V", 15), ("voltage_ca_v", 14, "int16", "V", 15),
    ("frequency_hz", 16, "int16", "Hz", 17), ("power_w", 18, "int16", "W", 22),
    ("power_phase_a_w", 19, "int16", "W", 22), ("power_phase_b_w", 20, "int16", "W", 22),
    ("power_phase_c_w", 21, "int16", "W", 22), ("apparent_power_va", 23, "int16", "VA", 27),
    ("reactive_power_var", 28, "int16", "var", 32), ("power_factor_percent", 33, "int16", "%", 37),
    ("exported_wh", 38, "acc32", "Wh", 54), ("imported_wh", 46, "acc32", "Wh", 54),
)  # fmt: skip
_METERS = (201, 202, 203, 204)
POINTS: dict[int, tuple[Point, ...]] = {
    **dict.fromkeys((101, 102, 103), _INVERTER),
    **dict.fromkeys((111, 112, 113), _INVERTER_FLOAT),
    **dict.fromkeys(_METERS, _METER),
}
