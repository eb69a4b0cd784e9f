"""What the simulated plant shows: its points, each with the address it has on each bus."""

from dataclasses import dataclass
from enum import StrEnum

Reading = float | int | bool


class Kind(StrEnum):
    """How a point is coded on a bus."""

    FLOAT32 = "float32"
    UINT16 = "uint16"
    UINT32 = "uint32"
    BOOL = "bool"


@dataclass(frozen=True, slots=True)
class Point:
    """One value of one piece of equipment.

    `address` counts from 0: an input register or, where `writable`, a holding register; for
    `Kind.BOOL` a discrete input or a coil. `noise` is the standard deviation of what its sensor
    adds, in the point's unit; a setpoint has none.
    """

    equipment: str
    name: str
    kind: Kind
    address: int
    unit: str = ""
    writable: bool = False
    noise: float = 0.0
    low: float = 0.0
    high: float = 100.0

    @property
    def path(self) -> str:
        """Return the point's name in the whole plant, as in `tank.level_m`."""
        return f"{self.equipment}.{self.name}"

    @property
    def registers(self) -> int:
        """Return how many registers it takes; a bit takes one address of its own table."""
        return 2 if self.kind in (Kind.FLOAT32, Kind.UINT32) else 1


_F, _W, _D, _B = Kind.FLOAT32, Kind.UINT16, Kind.UINT32, Kind.BOOL

MODBUS_UNITS = {"pump": 1, "tank": 2, "valve": 3, "heater": 4}

POINTS = (
    Point("pump", "speed_percent", _F, 0, "%", noise=0.1),
    Point("pump", "flow_l_s", _F, 2, "l/s", noise=0.01, high=4.0),
    Point("pump", "pressure_bar", _F, 4, "bar", noise=0.01, high=6.0),
    Point("pump", "current_a", _F, 6, "A", noise=0.05, high=30.0),
    Point("pump", "motor_temperature_c", _F, 8, "degC", noise=0.1, low=-20.0, high=150.0),
    Point("pump", "vibration_mm_s", _F, 10, "mm/s", noise=0.08, high=20.0),
    Point("pump", "energy_kwh", _F, 12, "kWh", high=1e6),
    Point("pump", "volume_total_l", _D, 14, "l", high=4294967295.0),
    Point("pump", "starts", _W, 16, high=65535.0),
    Point("pump", "running", _B, 0, high=1.0),
    Point("pump", "dry", _B, 1, high=1.0),
    Point("pump", "auto", _B, 0, writable=True, high=1.0),
    Point("pump", "speed_setpoint_percent", _F, 0, "%", writable=True),
    Point("tank", "level_m", _F, 0, "m", noise=0.002, high=2.5),
    Point("tank", "level_percent", _F, 2, "%", noise=0.08),
    Point("tank", "volume_l", _F, 4, "l", noise=1.0, high=1250.0),
    Point("tank", "temperature_c", _F, 6, "degC", noise=0.05, high=100.0),
    Point("tank", "level_low", _B, 0, high=1.0),
    Point("tank", "level_high", _B, 1, high=1.0),
    Point("tank", "level_setpoint_m", _F, 0, "m", writable=True, low=0.2, high=2.3),
    Point("valve", "position_percent", _F, 0, "%", noise=0.05),
    Point("valve", "flow_l_s", _F, 2, "l/s", noise=0.01, high=4.0),
    Point("valve", "volume_total_l", _D, 4, "l", high=4294967295.0),
    Point("valve", "moving", _B, 0, high=1.0),
    Point("valve", "auto", _B, 0, writable=True, high=1.0),
    Point("valve", "setpoint_percent", _F, 0, "%", writable=True),
    Point("heater", "power_kw", _F, 0, "kW", noise=0.2, high=150.0),
    Point("heater", "element_temperature_c", _F, 2, "degC", noise=0.3, high=200.0),
    Point("heater", "energy_kwh", _F, 4, "kWh", high=1e6),
    Point("heater", "on", _B, 0, high=1.0),
    Point("heater", "enabled", _B, 0, writable=True, high=1.0),
    Point("heater", "setpoint_c", _F, 0, "degC", writable=True, low=5.0, high=90.0),
)

BY_PATH = {point.path: point for point in POINTS}
