"""The simulated plant behaves as water, heat and motors do, and repeats itself."""

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.simulators.plant import AREA_M2, HEIGHT_M, STEP_S, Plant, PlantError
from tidegate.simulators.points import POINTS, Kind


def level_m(plant: Plant) -> float:
    return float(plant.measured["tank.level_m"])


def test_one_seed_gives_one_history_and_another_seed_another() -> None:
    first, again, other = Plant(seed=7), Plant(seed=7), Plant(seed=8)
    for plant in (first, again, other):
        plant.advance(600)
    assert first.measured == again.measured
    assert first.measured != other.measured


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_the_history_does_not_depend_on_how_time_is_cut_into_calls(cuts: list[int]) -> None:
    whole, cut = Plant(seed=3), Plant(seed=3)
    whole.advance(sum(cuts) * STEP_S)
    for steps in cuts:
        cut.advance(steps * STEP_S)
    # Noise is drawn once a call, what is true is not.
    assert cut.measured["valve.setpoint_percent"] == whole.measured["valve.setpoint_percent"]
    assert cut.measured["pump.energy_kwh"] == whole.measured["pump.energy_kwh"]
    assert cut.age_s == whole.age_s


def test_the_level_integrates_the_flows() -> None:
    plant = Plant(seed=1)
    plant.advance(60)
    in_l, out_l = plant.measured["pump.volume_total_l"], plant.measured["valve.volume_total_l"]
    before_m = level_m(plant)
    plant.advance(120)
    net_l = (plant.measured["pump.volume_total_l"] - in_l) - (
        plant.measured["valve.volume_total_l"] - out_l
    )
    assert level_m(plant) - before_m == pytest.approx(net_l / 1000 / AREA_M2, abs=0.02)


def test_over_hours_the_controller_holds_the_level_and_the_heater_the_temperature() -> None:
    plant = Plant(seed=5)
    levels, temperatures = [], []
    for _ in range(120):
        plant.advance(60)
        levels.append(level_m(plant))
        temperatures.append(float(plant.measured["tank.temperature_c"]))
    assert min(levels) > 1.3
    assert max(levels) < 1.9
    assert 30 < statistics.mean(temperatures) < 44
    assert plant.measured["pump.starts"] > 17


def test_a_tank_that_is_let_out_runs_empty_and_never_below() -> None:
    plant = Plant()
    plant.write("pump.speed_setpoint_percent", 0)
    plant.write("valve.setpoint_percent", 100)
    plant.advance(3600)
    assert -0.01 < level_m(plant) < 0.02
    assert plant.measured["tank.level_low"] is True
    assert plant.measured["heater.on"] is False, "it must not heat what is not there"


def test_a_tank_that_is_filled_on_never_overflows_its_height() -> None:
    plant = Plant()
    plant.write("pump.speed_setpoint_percent", 100)
    plant.write("valve.setpoint_percent", 0)
    plant.advance(3600)
    assert level_m(plant) == pytest.approx(HEIGHT_M, abs=0.02)
    assert plant.measured["tank.level_high"] is True


def test_every_point_is_measured_in_its_kind_and_within_its_range() -> None:
    plant = Plant(seed=2)
    plant.advance(900)
    assert set(plant.measured) == {point.path for point in POINTS}
    for point in POINTS:
        value = plant.measured[point.path]
        expected = {Kind.BOOL: bool, Kind.FLOAT32: float}.get(point.kind, int)
        assert type(value) is expected, point.path
        margin = 5 * point.noise
        assert point.low - margin <= value <= point.high + margin, point.path


def test_addresses_of_one_equipment_do_not_overlap() -> None:
    taken: set[tuple[str, bool, bool, int]] = set()
    for point in POINTS:
        for address in range(point.address, point.address + point.registers):
            place = (point.equipment, point.writable, point.kind is Kind.BOOL, address)
            assert place not in taken, point.path
            taken.add(place)


def test_a_drifting_sensor_is_off_by_its_drift_and_the_plant_does_not_know() -> None:
    right, wrong = Plant(seed=4), Plant(seed=4, drift_per_h={"tank.level_m": 0.5})
    for plant in (right, wrong):
        plant.advance(1800)
    assert level_m(wrong) - level_m(right) == pytest.approx(0.25)
    assert wrong.measured["tank.volume_l"] == right.measured["tank.volume_l"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tank.depth", 1.0, "no point tank.depth"),
        ("tank.level_m", 1.0, "can't be written"),
        ("heater.setpoint_c", 95.0, r"takes 5.0 to 90.0, not 95.0"),
        ("heater.setpoint_c", float("nan"), "not nan"),
    ],
)
def test_what_the_plant_does_not_take_is_told(path: str, value: float, message: str) -> None:
    with pytest.raises(PlantError, match=message):
        Plant().write(path, value)


def test_a_setpoint_has_no_sensor_that_could_drift() -> None:
    with pytest.raises(PlantError, match="no sensor"):
        Plant(drift_per_h={"heater.setpoint_c": 1.0})
