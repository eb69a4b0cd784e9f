"""`tidectl device wear`: the years a configuration leaves a flash, and those of others."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.tidectl.conftest import Run
from tests.tools.tidectl.thing_files import make_thing
from tidectl.home import Home
from tidectl.simulated_board import outbox_partition
from tidectl.wear import Plan, Source, wear

GREENHOUSE: dict[str, Any] = {
    "measurements": [
        {"name": "climate", "driver": "bme280", "period_ms": 1_000},
        {"name": "attic", "driver": "sht3x", "period_ms": 60_000},
    ],
    "batch": {"age_ms_max": 10_000},
    "outbox": {"sync_batches": 1},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "greenhouse.json"
    path.write_text(json.dumps(GREENHOUSE))
    return path


def test_a_configuration_has_years_and_alternatives(tidectl: Run, config: Path) -> None:
    answer = tidectl("device", "wear", "--config", str(config), "--json").json()
    assert (answer["storage"], answer["sync_batches"], answer["cycles"]) == ("segments", 1, 100_000)
    # A file of each batch, and a little more than an erase of each file.
    assert answer["erases_per_hour"] == pytest.approx(1.114 * answer["batches_per_hour"], rel=0.01)
    assert "tests/bench/erases.py" in answer["source"]
    kinds = {(one["storage"], one["sync_batches"]) for one in answer["alternatives"]}
    assert {("segments", 8), ("segments", 64), ("ring", 1)} <= kinds
    assert ("ring", 8) not in kinds  # it syncs at each batch
    assert max(one["years"] for one in answer["alternatives"]) > 10 * answer["years"]


def test_years_go_with_the_flash_and_with_what_its_blocks_bear(tidectl: Run, config: Path) -> None:
    def years(*options: str) -> float:
        command = ("device", "wear", "--config", str(config), "--storage", "ring", "--json")
        return float(tidectl(*command, *options).json()["years"])

    once = years("--flash-bytes", "262144")
    assert years("--flash-bytes", "524288") == pytest.approx(2 * once, rel=0.01)
    assert years("--cycles", "50000") == pytest.approx(once / 2, rel=0.01)
    assert years() == once


def test_a_thing_is_asked_for_its_own_settings(tidectl: Run, tmp_path: Path) -> None:
    folder = make_thing(Home(tmp_path / "home"), "board-1")
    answer = tidectl("device", "wear", "board-1", "--json").json()
    assert (answer["storage"], answer["batch_age_ms_max"]) == ("segments", 200)
    partition = outbox_partition(folder.image_path)
    years = []
    for size_bytes in (1 << 20, 2 << 20):
        partition.write_bytes(b"\xff" * size_bytes)
        answer = tidectl("device", "wear", "board-1", "--json").json()
        assert answer["storage"] == "ring"
        years.append(answer["years"])
    assert years[1] == pytest.approx(2 * years[0], rel=0.1), "as large as the thing's own is"
    shown = tidectl("device", "wear", "board-1")
    assert shown.code == 0
    assert "years" in shown.out
    assert "board-1" in shown.out


def test_what_is_no_configuration_is_told(tidectl: Run, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"measurements": [], "outbox": {"sync_batches": 0}}')
    complaint = tidectl("device", "wear", "--config", str(path)).complaint()
    assert "outbox.sync_batches" in complaint
    path.write_text("[]")
    assert "must hold a JSON object" in tidectl("device", "wear", "--config", str(path)).complaint()
    assert tidectl("device", "wear").code == 2
    assert tidectl("device", "wear", "x", "--config", str(path)).code == 2


def test_rare_samples_wear_by_samples_and_not_by_age() -> None:
    rare = Plan((Source(3_600_000, 2),), 60, 10_000, "segments", 8, 15_000)
    assert wear(rare, blocks=400, cycles=100_000).batches_per_hour == 1.0


def test_a_thing_that_is_not_here_and_a_file_with_mistakes_are_named(
    tidectl: Run, tmp_path: Path
) -> None:
    assert tidectl("device", "wear", "nobody").complaint() == "there is no thing nobody here"
    path = tmp_path / "mine.json"
    path.write_text('{"foo": 1, "measurements": []}')
    told = tidectl("device", "wear", "--config", str(path)).complaint()
    assert told.startswith(f"{path}: 2 mistakes: "), told
    assert "foo: unknown key" in told
