"""Each sample of a measurement that asks for it says how good it is; a failure is a sample too."""

from typing import Any

import pytest

from tests.firmware.lib.tidenode.bench import LATE_S_MAX
from tests.firmware.lib.tidenode.bench import Bench as BoardBench
from tests.firmware.lib.tidenode.test_conditioning import PERIOD_MS, Bench, document
from tests.firmware.lib.tidenode.test_sampler import Bench as SamplerBench
from tidenode import config, drivers, quality
from tidenode.errors import ConfigError
from tidenode.quality import BAD, GOOD, UNCERTAIN, Rated
from tidewire import INTEGER

LOST = (None, None, None, BAD)


def conditioned(**fields: object) -> Bench:
    """Return a bench of a BME280 that rates its samples."""
    asked = document(fields)
    asked["measurements"][0]["quality"] = True
    (climate,) = config.parse(asked, drivers.options_of).measurements
    bench = Bench(climate.conditions)
    bench.conditioner._rated = quality.rated  # as `tidenode.app` has it
    return bench


class Chip:
    """A sensor that answers what a test wants."""

    measure_ms_max = 5

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def read(self) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "rated"),
    [
        ((1, 2), (1, 2, GOOD)),
        ([1, None], (1, None, GOOD)),  # an input that nothing is wired to
        ((None, None), (None, None, None)),  # a chip's first moments: no sample
        (7, 7),
        (None, None),
    ],
)
def test_what_a_sensor_answers_is_good(answer: object, rated: object) -> None:
    assert Rated(Chip(answer)).read() == rated


def test_a_sensor_that_is_rated_keeps_what_else_it_has() -> None:
    sensor: Any = Rated(Chip(()))
    assert sensor.measure_ms_max == 5
    assert not hasattr(sensor, "begin")


def test_a_read_that_fails_is_a_sample_without_values_at_its_time() -> None:
    bench = SamplerBench()
    bench.fields = (("", 0),) * 3
    bench.sampler.missing = quality.missing(2)
    bench.answer = OSError(19)
    for bench.now_ms in (100, 200):
        bench.sampler.sample()
    bench.now_ms, bench.answer = 300, (1, 2, GOOD)
    bench.sampler.sample()
    assert [values for _, values in bench.added] == [(None, None, BAD)] * 2 + [(1, 2, GOOD)]
    assert [time_ms - bench.added[0][0] for time_ms, _ in bench.added] == [0, 100, 200]
    assert bench.counts == (3, 2, 0)
    assert len(bench.warnings) == 1


def test_a_change_of_quality_is_kept_whatever_the_deadband_says() -> None:
    bench = conditioned(temperature_c={"deadband": "1", "min_interval_ms": 60_000})
    readings = [(2_000, 1, 1, GOOD)] * 3 + [LOST] * 3 + [(2_000, 1, 1, GOOD)] * 3
    for reading in readings:
        bench.read(*reading)
    assert [(at // PERIOD_MS, values[-1]) for at, values in bench.kept] == [
        (0, GOOD), (3, BAD), (6, GOOD),
    ]  # fmt: skip
    assert bench.conditioner.held == 6


def test_a_sensor_that_fails_for_long_is_told_at_each_longest_interval() -> None:
    bench = conditioned(temperature_c={"deadband": "1", "max_interval_ms": 4_000})
    for _ in range(10):
        bench.read(*LOST)
    assert [at // PERIOD_MS for at, _ in bench.kept] == [0, 4, 8]


def test_without_a_deadband_every_failure_is_a_sample() -> None:
    bench = conditioned(temperature_c={"calibration": {"offset": "1"}})
    assert [bench.read(*LOST) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize(
    ("readings", "merged"),
    [
        ([(1, 1, 1, GOOD), (2, 2, 2, GOOD), (3, 3, 3, GOOD), (4, 4, 4, GOOD)], [3, 4, 4, GOOD]),
        ([(1, 1, 1, GOOD), LOST, (3, 3, 3, GOOD), LOST], [2, 3, 3, UNCERTAIN]),
        ([LOST, LOST, LOST, (4, 4, 4, GOOD)], [4, 4, 4, UNCERTAIN]),
        ([LOST] * 4, [None, None, None, BAD]),
    ],
)
def test_a_sample_of_fewer_readings_than_asked_for_is_uncertain(
    readings: list[tuple[int | None, ...]], merged: list[int | None]
) -> None:
    bench = conditioned(temperature_c={"oversample": {"count": 4}})
    for reading in readings:
        bench.read(*reading, passed_ms=250)
    assert [values for _, values in bench.kept] == [merged]


def test_a_reading_that_never_came_makes_its_sample_uncertain() -> None:
    bench = conditioned(temperature_c={"oversample": {"count": 4}})
    for number in range(8):
        if number == 2:
            bench.now_ms += 250
        else:
            bench.read(number, 1, 1, GOOD, passed_ms=250)
    assert [values for _, values in bench.kept] == [[1, 1, 1, UNCERTAIN], [6, 1, 1, GOOD]]


def test_a_driver_that_has_such_a_field_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers.find("bme280"), "FIELDS", (("quality", 0),))
    asked = document({})
    del asked["measurements"][0]["fields"]
    asked["measurements"][0]["quality"] = True
    with pytest.raises(ConfigError) as refused:
        config.parse(asked, drivers.options_of)
    assert refused.value.mistakes == [
        "measurements[0].quality: the driver has a field of that name"
    ]


def test_a_board_sends_what_it_knows_of_a_sensor_that_is_not_there(bench: BoardBench) -> None:
    """And nothing more of the one that did not ask for it."""
    bench.broker.resume()
    measurements = [
        {"name": "attic", "driver": "bme280", "period_ms": 50, "quality": True},
        {"name": "cellar", "driver": "bme280", "period_ms": 50, "address": 119, "quality": True},
        {"name": "health", "driver": "chip", "period_ms": 50},
    ]
    board = bench.board(measurements=measurements, absent=["attic"])
    board.wait_for(lambda stats: stats.acknowledged >= 40, LATE_S_MAX)
    stats = bench.end(board)
    assert (stats.dropped, stats.sampled) == (0, stats.acknowledged)
    columns = {
        batch.measurement: {column.name: column for column in batch.columns}
        for batch in bench.batches()
    }
    assert columns["attic"]["quality"].kind == INTEGER
    assert set(columns["attic"]["quality"].values) == {BAD}
    assert set(columns["attic"]["temperature_c"].values) == {None}
    assert set(columns["cellar"]["quality"].values) == {GOOD}
    assert None not in columns["cellar"]["temperature_c"].values
    assert "quality" not in columns["health"]
    assert stats.errors.keys() == {"attic"}
