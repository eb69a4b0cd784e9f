"""What a configuration asks of fields is done to them, in integers; held samples are counted."""

import statistics
from collections.abc import Sequence
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode import config, drivers
from tidenode.clock import SLEWED_MS_MAX
from tidenode.conditioning import Calibrated, Conditioner, corrected, merged, passes
from tidenode.errors import ConfigError
from tidenode.field_options import HOWS

PERIOD_MS = 1_000
Values = Sequence[int | None]
values = st.integers(-(10**9), 10**9)
readings = st.none() | st.integers(-(2**31), 2**31)
decimals = st.tuples(st.integers(-99_999, 99_999), st.integers(0, 5))


def document(fields: object, period_ms: int = PERIOD_MS) -> dict[str, Any]:
    climate = {"name": "climate", "driver": "bme280", "period_ms": period_ms, "fields": fields}
    return {
        "thing": "board-1",
        "site": "farm",
        "broker": {"host": "broker.example"},
        "measurements": [climate],
    }


def conditions(**fields: object) -> Any:
    """Return what is asked of a BME280, whose first field has two decimals, the next none."""
    (climate,) = config.parse(document(fields), drivers.options_of).measurements
    return climate.conditions


def text_of(decimal: tuple[int, int]) -> str:
    number, power = decimal
    digits = str(abs(number)).rjust(power + 1, "0")
    whole, rest = digits[: len(digits) - power], digits[len(digits) - power :]
    return ("-" if number < 0 else "") + whole + ("." + rest if rest else "")


class Bench:
    """A conditioner, a clock that a test turns and the samples that came through."""

    def __init__(self, conditions: Any, period_ms: int = PERIOD_MS) -> None:
        self.fields = (("", 0),) * 3
        self.now_ms = 0
        self.kept: list[tuple[int, Values]] = []
        self.conditioner = Conditioner(
            batcher=self,  # type: ignore[arg-type]  # all of it that is asked for
            conditions=conditions,
            period_ms=period_ms,
            clock=self,  # type: ignore[arg-type]  # it tells the time, too
        )

    def monotonic_ms(self) -> int:
        return self.now_ms

    def add(self, time_ms: int, values: Values) -> None:
        self.kept.append((time_ms, list(values)))

    def flush(self) -> None: ...

    def flush_if_old(self) -> None: ...

    def read(self, *values: int | None, passed_ms: int = PERIOD_MS) -> bool:
        went = self.conditioner.add(self.now_ms, values)
        self.now_ms += passed_ms
        return went


def test_without_fields_a_measurement_has_no_conditions() -> None:
    entry = document({})
    del entry["measurements"][0]["fields"]
    (climate,) = config.parse(entry, drivers.options_of).measurements
    assert climate.conditions is None


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ([], ": must be an object"),
        ({"pressure": {}}, ".pressure: the driver has no such field"),
        ({"pressure_pa": 5}, ".pressure_pa: must be an object"),
        ({"pressure_pa": {"dead": "1"}}, ".pressure_pa.dead: unknown key"),
        ({"pressure_pa": {"deadband": 0.5}}, ".pressure_pa.deadband: must be a text of 1 to 20"),
        ({"pressure_pa": {"deadband": "-1"}}, ".pressure_pa.deadband: must be a decimal or"),
        ({"pressure_pa": {"deadband": "%"}}, ".pressure_pa.deadband: must be a decimal or"),
        ({"pressure_pa": {"deadband": "1e3"}}, ".pressure_pa.deadband: must be a decimal or"),
        ({"pressure_pa": {"max_interval_ms": -1}}, ".pressure_pa.max_interval_ms: must be an int"),
        (
            {"pressure_pa": {"min_interval_ms": 9, "max_interval_ms": 8}},
            ".pressure_pa.min_interval_ms: is above max_interval_ms, 8",
        ),
        ({"pressure_pa": {"oversample": 4}}, ".pressure_pa.oversample: must be an object"),
        ({"pressure_pa": {"oversample": {}}}, ".pressure_pa.oversample.count: is missing"),
        (
            {"pressure_pa": {"oversample": {"count": 3}}},
            ".pressure_pa.oversample.count: must divide period_ms, 1000, into parts of 10",
        ),
        (
            {"pressure_pa": {"oversample": {"count": 2, "how": "mode"}}},
            ".pressure_pa.oversample.how: must be one of mean, min, max, median",
        ),
        (
            {
                "temperature_c": {"oversample": {"count": 2}},
                "pressure_pa": {"oversample": {"count": 4}},
            },
            ".pressure_pa.oversample.count: must be that of the other fields, 2",
        ),
        (
            {"pressure_pa": {"calibration": {"scale": "1,5"}}},
            ".pressure_pa.calibration: must be decimals, not '1,5'",
        ),
        (
            {"pressure_pa": {"calibration": {"polynomial": "1 2", "scale": "1"}}},
            ".pressure_pa.calibration.polynomial: excludes offset and scale",
        ),
        (
            {"pressure_pa": {"calibration": {"polynomial": "1 2 3 4 5 6 7"}}},
            ".pressure_pa.calibration.polynomial: must have 2 to 6 coefficients",
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(fields: object, mistake: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config.parse(document(fields), drivers.options_of)
    (found,) = refused.value.mistakes
    assert found.startswith("measurements[0].fields" + mistake)


def test_a_board_that_sleeps_can_not_read_between_its_wakes() -> None:
    asleep = document({"pressure_pa": {"oversample": {"count": 2}}})
    asleep["sleep"] = {"period_s": 60}
    with pytest.raises(ConfigError) as refused:
        config.parse(asleep, drivers.options_of)
    assert refused.value.mistakes == [
        "measurements[0].fields: oversample is for boards without sleep"
    ]


@given(st.recursive(
    st.none() | st.booleans() | st.integers(-3, 200) | st.floats() | st.text("-.015%e", max_size=5),
    lambda inner: st.dictionaries(
        st.sampled_from([
            "temperature_c", "x", "deadband", "min_interval_ms", "max_interval_ms", "oversample",
            "calibration", "count", "how", "offset", "scale", "polynomial",
        ]),
        inner,
        max_size=6,
    ),
    max_leaves=12,
))  # fmt: skip
def test_any_document_is_taken_or_refused_clearly(fields: object) -> None:
    mistakes: list[str] = []
    try:
        config.parse(document({"temperature_c": fields}), drivers.options_of)
    except ConfigError as error:
        mistakes = error.mistakes or ["none, and yet refused"]
    assert "none, and yet refused" not in mistakes


@given(values, st.lists(decimals, min_size=2, max_size=6), st.sampled_from([0, 2]))
def test_a_polynomial_is_that_of_the_real_value_rounded(
    value: int, coefficients: list[tuple[int, int]], places: int
) -> None:
    field = {2: "temperature_c", 0: "humidity_percent"}[places]
    assert dict(drivers.find("bme280").FIELDS)["temperature_c"] == 2
    places = dict(drivers.find("bme280").FIELDS)[field]
    text = " ".join(text_of(one) for one in coefficients)
    asked = conditions(**{field: {"calibration": {"polynomial": text}}})
    (polynomial,) = [one for one in asked.polynomials if one]
    real = Fraction(value, 10**places)
    wanted = sum(Fraction(n, 10**p) * real**i for i, (n, p) in enumerate(coefficients))
    assert corrected(value, polynomial) == floor(wanted * 10**places + Fraction(1, 2))


def test_offset_and_scale_are_a_polynomial_too() -> None:
    asked = conditions(temperature_c={"calibration": {"offset": "-0.35", "scale": "1.02"}})
    assert corrected(2_150, asked.polynomials[0]) == 2_158  # 21.5 * 1.02 - 0.35
    assert asked.polynomials[1:] == [None, None]


def test_a_sensor_is_corrected_and_what_it_lacks_stays_away() -> None:
    asked = conditions(temperature_c={"calibration": {"offset": "1"}})

    class Slow:
        answer: Any = (2_000, None, 5)

        def begin(self) -> int:
            return 20

        def read(self) -> Any:
            return self.answer

    slow = Slow()
    sensor = Calibrated(slow, asked.polynomials)
    assert (sensor.begin(), sensor.read()) == (20, [2_100, None, 5])
    slow.answer = (None, 1, 2)
    assert sensor.read() == [None, 1, 2]
    slow.answer = (1, 2)
    assert sensor.read() == (1, 2)


@given(st.lists(readings, min_size=1, max_size=64), st.sampled_from(HOWS))
def test_several_readings_become_one_by_the_statistics_of_those_that_are_there(
    several: list[int | None], how: str
) -> None:
    there = [value for value in several if value is not None]
    found = merged(several, how)
    if not there:
        assert found is None
        return
    exact = {
        "mean": lambda: Fraction(sum(there), len(there)),
        "min": lambda: Fraction(min(there)),
        "max": lambda: Fraction(max(there)),
        "median": lambda: statistics.median([Fraction(value) for value in there]),
    }[how]()
    assert found == floor(exact + Fraction(1, 2))


def test_a_field_that_is_not_oversampled_has_its_last_reading() -> None:
    assert merged([1, 2, None], None) is None
    assert merged([None, 2], None) == 2


@given(values, values, st.integers(0, 9_999), st.integers(0, 3))
def test_a_deadband_is_in_the_unit_of_its_field_or_a_part_of_the_kept_value(
    value: int, kept: int, number: int, power: int
) -> None:
    text = text_of((number, power))
    band = conditions(temperature_c={"deadband": text}).bands[0]
    change = Fraction(abs(value - kept), 100)
    assert passes(value, kept, 0, band) == (change > Fraction(number, 10**power))
    band = conditions(temperature_c={"deadband": text + "%"}).bands[0]
    part = Fraction(number, 10**power) / 100
    assert passes(value, kept, 0, band) == (change > Fraction(abs(kept), 100) * part)


STEPS = st.lists(
    st.tuples(st.none() | st.integers(-300, 300), st.none() | st.integers(-5, 5)), max_size=60
)


@given(
    STEPS,
    st.none() | st.integers(0, 200),
    st.sampled_from([0, 2_000, 3_000]),
    st.sampled_from([0, 5_000, 8_000]),
    st.none() | st.integers(0, 3),
)
def test_samples_are_kept_as_a_model_keeps_them(
    steps: list[tuple[int | None, int | None]],
    band: int | None,
    shortest_ms: int,
    longest_ms: int,
    other_band: int | None,
) -> None:
    first: dict[str, object] = {"min_interval_ms": shortest_ms, "max_interval_ms": longest_ms}
    if band is not None:
        first["deadband"] = text_of((band, 2))
    asked = {"temperature_c": first}
    if other_band is not None:
        asked["pressure_pa"] = {"deadband": f"{other_band}"}
    scale = 10 ** dict(drivers.find("bme280").FIELDS)["pressure_pa"]
    bench = Bench(conditions(**asked))
    wanted: list[tuple[int, list[int | None]]] = []
    deciding = band is not None or shortest_ms or longest_ms or other_band is not None
    for number, (value, other) in enumerate(steps):
        reading = [value, None if other is None else other * scale, 9]
        now_ms = number * PERIOD_MS
        keep = not wanted or not deciding
        if wanted:
            since_ms = now_ms - wanted[-1][0]
            before, before_other = wanted[-1][1][:2]
            ripe = since_ms >= shortest_ms
            if longest_ms and since_ms >= longest_ms:
                keep = True
            if ripe and band is not None and moved(value, before, band):
                keep = True
            if ripe and band is None and shortest_ms:
                keep = True
            if other_band is not None and moved(reading[1], before_other, other_band * scale):
                keep = True
        if keep:
            wanted.append((now_ms, reading))
        assert bench.read(*reading) == keep
    assert bench.kept == wanted
    assert bench.conditioner.held == len(steps) - len(wanted)


def moved(value: int | None, before: int | None, band: int) -> bool:
    if value is None or before is None:
        return value is not before
    return abs(value - before) > band


def test_a_heartbeat_comes_though_deadlines_come_early_or_late() -> None:
    bench = Bench(conditions(temperature_c={"deadband": "1", "max_interval_ms": 10_000}))
    for number in range(41):
        bench.now_ms = number * PERIOD_MS + (3, 0, 7, 1, 5)[number % 5] * (number % 2)
        bench.read(2_000, 1, 1, passed_ms=0)
    assert [time_ms // PERIOD_MS for time_ms, _ in bench.kept] == [0, 10, 20, 30, 40]


def test_readings_of_a_period_are_one_sample_with_the_time_of_the_last() -> None:
    asked = conditions(
        temperature_c={"oversample": {"count": 4}},
        pressure_pa={"oversample": {"count": 4, "how": "max"}},
    )
    bench = Bench(asked)
    went = [bench.read(number, number, number, passed_ms=250) for number in range(12)]
    assert went == [False, False, False, True] * 3
    assert bench.kept == [(750, [2, 3, 3]), (1_750, [6, 7, 7]), (2_750, [10, 11, 11])]


@pytest.mark.parametrize("behind_ms", [1_700_000_000_000, -100_000, 0, 40_000])
def test_readings_from_before_the_clock_was_set_never_went_out_with_the_time_of_then(
    behind_ms: int,
) -> None:
    """The last one of their period failed, so that they became a sample later."""
    bench = Bench(conditions(temperature_c={"oversample": {"count": 4}}))
    for number in range(3):
        bench.read(number, number, number, passed_ms=250)
    bench.now_ms = 1_000
    bench.conditioner.add(1_000 + behind_ms, (9, 9, 9))
    stepped = abs(behind_ms) > SLEWED_MS_MAX  # else time went faster meanwhile, or slower
    assert bench.kept == [(500 + behind_ms * stepped, [1, 2, 2])]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), min_size=40, max_size=80))
def test_readings_that_fail_or_come_late_move_no_period(
    steps: list[tuple[bool, int]],
) -> None:
    """A period is that of the grid, so that no failure shifts the next ones: no drift."""
    bench = Bench(conditions(temperature_c={"oversample": {"count": 4, "how": "min"}}))
    bench.read(0, 0, 0, passed_ms=0)
    for number, (fails, late_ms) in enumerate(steps, 1):
        if not fails:
            bench.now_ms = number * 250 + late_ms
            bench.read(number, number, number, passed_ms=0)
    windows: dict[int, list[int]] = {}
    for number, (fails, _) in enumerate([(False, 0), *steps]):
        if not fails:
            windows.setdefault(number // 4, []).append(number)
    wanted = [numbers for _, numbers in sorted(windows.items())]
    found = [values[0] for _, values in bench.kept]
    assert found == [numbers[0] for numbers in wanted][: len(found)]
    assert len(wanted) - len(found) <= 1
