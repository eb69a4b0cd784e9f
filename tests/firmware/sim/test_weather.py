"""The simulated weather is plausible, seeded and slow."""

from itertools import pairwise

import pytest

from tests.firmware.sim.stand_in import stand_in

World = stand_in("world").World
DAY_MS = 86_400_000


@pytest.mark.parametrize("seed", [0, 1, 97, 2_147_483_647])
def test_the_weather_stays_within_what_the_chip_measures(seed: int) -> None:
    world = World(seed)
    for now_ms in range(0, DAY_MS, 600_000):
        temperature_c, pressure_pa, humidity_percent = world.weather(now_ms)
        assert 10 < temperature_c < 30
        assert 99_000 < pressure_pa < 103_000
        assert 20 < humidity_percent < 80


def test_a_seed_makes_its_own_weather_again() -> None:
    at = [World(seed).weather(1_000_000) for seed in (5, 5, 6)]
    assert at[0] == at[1]
    assert at[0] != at[2]


def test_the_weather_changes_slowly() -> None:
    world = World(3)
    series = [world.weather(second * 1_000)[0] for second in range(600)]
    assert max(abs(after - before) for before, after in pairwise(series)) < 0.1
    assert max(series) - min(series) > 0.5  # and yet one sees it change
