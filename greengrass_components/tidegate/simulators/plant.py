"""A small plant: a pump fills a tank, a heater warms it, a valve lets it out to consumers.

Pure: `advance` moves it by seconds of its own time and nothing else does. The level integrates
the flows, temperatures follow first order, the consumers' demand wanders; each is integrated in
steps of `STEP_S`, so that one seed gives one history however the time is cut into calls.
"""

import math
import random
from collections.abc import Mapping

from tidegate.errors import GateError
from tidegate.simulators.points import BY_PATH, POINTS, Kind, Point, Reading

STEP_S = 0.1
AREA_M2, HEIGHT_M = 0.5, 2.5
_WATER_KJ_L_K = 4.186
_PUMP_FLOW_L_S, _PUMP_KW, _PUMP_RAMP_PERCENT_S = 3.0, 5.5, 12.0
_VALVE_FLOW_L_S_ROOT_M, _VALVE_RAMP_PERCENT_S = 1.6, 4.0
_HEATER_KW, _ELEMENT_TIME_S, _MOTOR_TIME_S = 150.0, 20.0, 240.0
_LEVEL_BAND_M, _LEVEL_LOW_M, _LEVEL_HIGH_M, _DRY_BELOW_M = 0.12, 0.35, 2.2, 0.05
_INLET_C, _AMBIENT_C, _LOSS_KW_K = 11.0, 21.0, 0.05
_DAY_S = 1800.0  # the consumers' day is short, so that a watcher sees one
_COUNTER_32, _COUNTER_16 = 1 << 32, 1 << 16


class PlantError(GateError):
    """The plant has no such point, or the point does not take the value."""


class Plant:
    """The plant's state, and what its sensors say of it.

    `drift_per_h` maps the path of a point (`tank.level_m`) to what its sensor is off after an
    hour of the plant's time, in the point's unit. `measured` maps each point's path to its value
    at the last step: the same for everyone who looks until the plant moves on.
    """

    def __init__(self, *, seed: int = 0, drift_per_h: Mapping[str, float] | None = None) -> None:
        self._drift_per_h = dict(drift_per_h or {})
        for path in self._drift_per_h:
            point = _point(path)
            if point.writable or point.kind is Kind.BOOL:
                raise PlantError(f"{path} has no sensor that could drift")
        self._demand_random = random.Random(seed)  # noqa: S311  weather, no secret
        self._noise_random = random.Random(seed + 1)  # noqa: S311  weather, no secret
        self._left_over_s = 0.0
        self._steps = 0
        self._demand_percent = 45.0
        self._true: dict[str, float] = {point.path: 0.0 for point in POINTS}
        self._true.update(
            {
                "tank.level_m": 1.5, "tank.temperature_c": 38.0, "tank.level_setpoint_m": 1.6,
                "pump.auto": 1.0, "pump.speed_setpoint_percent": 70.0, "pump.running": 1.0,
                "pump.speed_percent": 60.0, "pump.motor_temperature_c": 45.0, "pump.starts": 17,
                "pump.energy_kwh": 1234.5, "pump.volume_total_l": 987_654,
                "valve.auto": 1.0, "valve.setpoint_percent": 45.0, "valve.position_percent": 45.0,
                "valve.volume_total_l": 986_104,
                "heater.enabled": 1.0, "heater.setpoint_c": 42.0, "heater.energy_kwh": 8765.0,
                "heater.element_temperature_c": 45.0,
            }
        )  # fmt: skip
        self.measured: dict[str, Reading] = {}
        self._step(0.0)
        self._measure()

    @property
    def age_s(self) -> float:
        """Return how long the plant has run, in its own time."""
        return self._steps * STEP_S

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` of the plant's time, in whole steps; the rest is kept."""
        self._left_over_s += seconds
        steps = int(self._left_over_s / STEP_S + 1e-9)
        self._left_over_s -= steps * STEP_S
        for _ in range(steps):
            self._step(STEP_S)
            self._steps += 1
        if steps:
            self._measure()

    def write(self, path: str, value: Reading) -> None:
        """Set a setpoint or a switch.

        Raises `PlantError` for one that is not there, can't be written, or has other limits.
        Writing `valve.setpoint_percent` or `pump.speed_setpoint_percent` ends automatic working.
        """
        point = _point(path)
        if not point.writable:
            raise PlantError(f"{path} is a measured value: it can't be written")
        if not point.low <= value <= point.high:
            raise PlantError(f"{path} takes {point.low} to {point.high}, not {value}")
        self._true[path] = float(value)
        if path in ("valve.setpoint_percent", "pump.speed_setpoint_percent"):
            self._true[f"{point.equipment}.auto"] = 0.0
            self.measured[f"{point.equipment}.auto"] = False
        self.measured[path] = bool(value) if point.kind is Kind.BOOL else float(value)

    def _step(self, step_s: float) -> None:
        now = self._true
        self._demand(step_s)
        self._pump(step_s)
        self._valve(step_s)
        self._heater(step_s)
        level_m = now["tank.level_m"]
        net_l_s = now["pump.flow_l_s"] - now["valve.flow_l_s"]
        now["tank.level_m"] = min(HEIGHT_M, max(0.0, level_m + net_l_s * step_s / 1000 / AREA_M2))
        volume_l = max(20.0, level_m * AREA_M2 * 1000)  # the sump holds a little, always
        heat_kw = (
            now["pump.flow_l_s"] * _WATER_KJ_L_K * (_INLET_C - now["tank.temperature_c"])
            + now["heater.power_kw"]
            - _LOSS_KW_K * (now["tank.temperature_c"] - _AMBIENT_C)
        )
        now["tank.temperature_c"] += heat_kw * step_s / (volume_l * _WATER_KJ_L_K)
        now["tank.volume_l"] = now["tank.level_m"] * AREA_M2 * 1000
        now["tank.level_percent"] = now["tank.level_m"] / HEIGHT_M * 100
        now["tank.level_low"] = now["tank.level_m"] < _LEVEL_LOW_M
        now["tank.level_high"] = now["tank.level_m"] > _LEVEL_HIGH_M

    def _demand(self, step_s: float) -> None:
        """Let the consumers' demand follow their day, and wander about it."""
        day = 45 + 25 * math.sin(2 * math.pi * self.age_s / _DAY_S)
        wander = self._demand_random.gauss(0, 1.2) * math.sqrt(step_s)
        self._demand_percent += (day - self._demand_percent) * step_s / 60 + wander
        self._demand_percent = min(100.0, max(0.0, self._demand_percent))

    def _pump(self, step_s: float) -> None:
        now = self._true
        off_m = now["tank.level_setpoint_m"] - now["tank.level_m"]
        if now["pump.auto"]:
            if not now["pump.running"] and off_m > _LEVEL_BAND_M:
                now["pump.running"] = 1.0
                now["pump.starts"] = (now["pump.starts"] + 1) % _COUNTER_16
            elif now["pump.running"] and off_m < -_LEVEL_BAND_M:
                now["pump.running"] = 0.0
            want = min(100.0, max(30.0, 60 + 200 * off_m)) if now["pump.running"] else 0.0
        else:
            want = now["pump.speed_setpoint_percent"]
            if want > 0 and not now["pump.running"]:
                now["pump.starts"] = (now["pump.starts"] + 1) % _COUNTER_16
            now["pump.running"] = float(want > 0)
        speed = _ramp(now["pump.speed_percent"], want, _PUMP_RAMP_PERCENT_S * step_s)
        share = speed / 100
        # Against the head of a full tank a slow pump delivers less.
        head = max(0.0, 1 - 0.12 * now["tank.level_m"] / HEIGHT_M / max(share, 0.1))
        now["pump.speed_percent"] = speed
        now["pump.flow_l_s"] = _PUMP_FLOW_L_S * share * head
        now["pump.pressure_bar"] = 0.098 * now["tank.level_m"] + 3.8 * share**2
        power_kw = _PUMP_KW * (0.08 * (speed > 0) + 0.92 * share**3)
        now["pump.current_a"] = 2.1 * power_kw + 1.8 * (speed > 0)
        now["pump.vibration_mm_s"] = 0.2 + 2.2 * share + 1.5 * math.exp(-(((speed - 55) / 4) ** 2))
        warm_c = _AMBIENT_C + 9.0 * power_kw
        now["pump.motor_temperature_c"] += (
            (warm_c - now["pump.motor_temperature_c"]) * step_s / _MOTOR_TIME_S
        )
        now["pump.energy_kwh"] += power_kw * step_s / 3600
        moved_l = now["pump.volume_total_l"] + now["pump.flow_l_s"] * step_s
        now["pump.volume_total_l"] = moved_l % _COUNTER_32
        now["pump.dry"] = float(speed > 0 and now["pump.flow_l_s"] < _DRY_BELOW_M)

    def _valve(self, step_s: float) -> None:
        now = self._true
        if now["valve.auto"]:
            now["valve.setpoint_percent"] = round(self._demand_percent, 1)
        position = now["valve.position_percent"]
        moved = _ramp(position, now["valve.setpoint_percent"], _VALVE_RAMP_PERCENT_S * step_s)
        now["valve.moving"] = float(abs(now["valve.setpoint_percent"] - moved) > 0.5)  # noqa: PLR2004  its dead band
        now["valve.position_percent"] = moved
        root_m = math.sqrt(max(0.0, now["tank.level_m"]))
        now["valve.flow_l_s"] = _VALVE_FLOW_L_S_ROOT_M * moved / 100 * root_m
        out_l = now["valve.volume_total_l"] + now["valve.flow_l_s"] * step_s
        now["valve.volume_total_l"] = out_l % _COUNTER_32

    def _heater(self, step_s: float) -> None:
        """Heat in proportion to what is missing; never above too little water."""
        now = self._true
        wet = now["tank.level_m"] > _LEVEL_LOW_M
        missing_k = now["heater.setpoint_c"] - now["tank.temperature_c"]
        share = min(1.0, max(0.0, 0.4 * missing_k + 0.25)) if now["heater.enabled"] and wet else 0.0
        now["heater.power_kw"] = _HEATER_KW * share
        now["heater.on"] = float(share > 0)
        hot_c = now["tank.temperature_c"] + 0.4 * now["heater.power_kw"]
        element_c = now["heater.element_temperature_c"]
        now["heater.element_temperature_c"] += (hot_c - element_c) * step_s / _ELEMENT_TIME_S
        now["heater.energy_kwh"] += now["heater.power_kw"] * step_s / 3600

    def _measure(self) -> None:
        hours = self.age_s / 3600
        for point in POINTS:
            value = self._true[point.path] + self._drift_per_h.get(point.path, 0.0) * hours
            if point.kind is Kind.BOOL:
                self.measured[point.path] = bool(value)
            elif point.kind is Kind.FLOAT32:
                noise = self._noise_random.gauss(0, point.noise) if point.noise else 0.0
                self.measured[point.path] = value + noise
            else:
                self.measured[point.path] = int(value)


def _ramp(value: float, target: float, step: float) -> float:
    """Return `value` moved towards `target` by `step` at most."""
    return min(target, value + step) if target > value else max(target, value - step)


def _point(path: str) -> Point:
    if path not in BY_PATH:
        raise PlantError(f"the plant has no point {path}; it has {', '.join(sorted(BY_PATH))}")
    return BY_PATH[path]
