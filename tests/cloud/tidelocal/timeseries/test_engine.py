"""The store under both faces: merging, growth, durability, bounds."""

import os
import signal
import stat
import subprocess
import sys
import threading
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelocal.timeseries import TimeSeriesEngine
from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.errors import (
    BusyError,
    ClosedError,
    DiskFullError,
    NameRefusedError,
    QueryCancelledError,
    QueryTimeoutError,
)
from tidelocal.timeseries.line_protocol import parse_lines
from tidelocal.timeseries.points import WriteOutcome
from tidelocal.timeseries.precision import Precision
from tidelocal.timeseries.writer import WRITES_MAX

SECOND_NS = 10**9
_SLOW = "SELECT count(*) FROM range(100000000000) a, range(1000) b"


def _write(lines: str, **more: Any) -> Write:
    parsed = parse_lines(lines, Precision.NANOSECOND, 0)
    assert parsed.refused == ()
    return Write("d", parsed.points, **more)


def _store(engine: TimeSeriesEngine, lines: str, **more: Any) -> WriteOutcome:
    return engine.write(_write(lines, **more)).result()


def _rows(engine: TimeSeriesEngine, statement: str) -> list[tuple[Any, ...]]:
    rows = engine.query(statement).future.result().rows
    return list(zip(*rows.to_pydict().values(), strict=True))


def _counts(engine: TimeSeriesEngine) -> list[tuple[int, int]]:
    """Rows and distinct times of each table."""
    return [
        counts
        for table in engine.catalog.database("d").tables.values()
        for counts in _rows(
            engine,
            f"SELECT count(*), count(DISTINCT time) FROM {table.sql_name}",  # noqa: S608 - quoted
        )
    ]


def test_a_key_is_stored_once_and_its_fields_are_united(engine: TimeSeriesEngine) -> None:
    _store(engine, "m,t=a x=1,y=1 5\nm,t=b x=9 5")
    _store(engine, 'm,t=a y=2,z="new" 5')
    _store(engine, "m,t=a x=1,y=2 5")
    rows = _rows(engine, 'SELECT t, epoch_ns("time"), x, y, z FROM "db:d".m ORDER BY t')
    assert rows == [("a", 5, 1.0, 2.0, "new"), ("b", 5, 9.0, None, None)]


def test_of_one_key_in_one_write_the_last_value_of_each_field_stays(
    engine: TimeSeriesEngine,
) -> None:
    _store(engine, "m x=1,y=1 5\nm x=2 5\nm y=3 6\nm x=4,y=4 6\nm x=5 6")
    assert _rows(engine, 'SELECT x, y FROM "db:d".m ORDER BY time') == [(2.0, 1.0), (5.0, 4.0)]


def test_an_absent_tag_is_part_of_the_key(engine: TimeSeriesEngine) -> None:
    _store(engine, "m x=1 5")
    _store(engine, "m,t=a x=2 5")
    _store(engine, "m x=3 5\nm,t=a x=4 5")
    assert _rows(engine, 'SELECT t, x FROM "db:d".m ORDER BY x') == [(None, 3.0), ("a", 4.0)]


def test_a_field_keeps_its_type_and_the_rest_of_the_write_is_stored(
    engine: TimeSeriesEngine,
) -> None:
    _store(engine, "m x=1 5")
    outcome = _store(engine, "m x=1i 6\nm x=2 7\nm,x=a y=1 8\nother x=1i 9")
    assert outcome.stored == 2
    reasons = {each.position: each.reason for each in outcome.refused}
    assert reasons.keys() == {1, 3}
    assert "field::float" in reasons[1]
    assert "field::integer" in reasons[1]
    assert _rows(engine, 'SELECT count(*) FROM "db:d".m') == [(2,)]


def test_all_or_nothing_stores_nothing_when_one_point_is_refused(engine: TimeSeriesEngine) -> None:
    _store(engine, "m x=1 5")
    outcome = _store(engine, "m x=2 6\nm x=1i 7\nn x=1 1", all_or_nothing=True)
    assert (outcome.stored, len(outcome.refused)) == (0, 1)
    assert list(engine.catalog.database("d").tables) == ["m"]


@pytest.mark.parametrize("lines", ["M x=1 1", "m X=1 1", "m time=1 1", "m tidegauge_version=1 1"])
def test_a_name_that_would_be_mixed_up_with_another_is_refused(
    engine: TimeSeriesEngine, lines: str
) -> None:
    _store(engine, "m x=1 5")
    outcome = _store(engine, lines + "\nm x=2 6")
    assert (outcome.stored, len(outcome.refused)) == (1, 1)


def test_a_bad_database_name_refuses_that_write_alone(engine: TimeSeriesEngine) -> None:
    bad = engine.write(Write("a b", _write("m x=1 1").points))
    good = engine.write(_write("m x=1 1"))
    assert good.result().stored == 1
    with pytest.raises(NameRefusedError, match="a b"):
        bad.result()


def test_names_that_need_quoting_are_stored_as_they_are(engine: TimeSeriesEngine) -> None:
    _store(engine, 'a"\\ b,x"y=1 d;e--=2 5')
    table = engine.catalog.table("d", 'a" b')
    assert list(table.columns) == ['x"y', "d;e--"]
    statement = f"SELECT * EXCLUDE (time) FROM {table.sql_name}"  # noqa: S608 - quoted
    assert _rows(engine, statement) == [("1", 2.0)]


def test_nanoseconds_are_kept(engine: TimeSeriesEngine) -> None:
    at_ns = 1_790_000_000_123_456_789
    _store(engine, f"m x=1 {at_ns}\nm x=2 {at_ns + 1}\nm x=3 {-(2**63) + 2}")
    assert _rows(engine, 'SELECT epoch_ns(time) FROM "db:d".m ORDER BY x') == [
        (at_ns,),
        (at_ns + 1,),
        (-(2**63) + 2,),
    ]


def test_the_catalogue_and_the_rows_are_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.duckdb"
    with TimeSeriesEngine(path) as engine:
        _store(engine, 'm,t=a x=1,n=1i,u=1u,b=t,s="s" 5')
        before = engine.catalog
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with TimeSeriesEngine(path) as engine:
        assert engine.catalog == before
        _store(engine, "m,t=a x=2 5")
        assert _rows(engine, 'SELECT x, n FROM "db:d".m') == [(2.0, 1)]
    with pytest.raises(ClosedError):
        engine.write(_write("m x=1 1"))


_KILLED = """
import sys
from pathlib import Path
from tidelocal.timeseries import TimeSeriesEngine
from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.line_protocol import parse_lines
from tidelocal.timeseries.precision import Precision
engine = TimeSeriesEngine(Path(sys.argv[1]))
number = 0
while True:
    lines = "".join(f"m{number % 3},t=t{number % 7} x{number % 11}={number + i} {number + i}\\n"
                    for i in range(20))
    parsed = parse_lines(lines, Precision.NANOSECOND, 0)
    engine.write(Write("d", parsed.points)).result()
    number += 20
    print(number, flush=True)
"""


def test_every_answered_write_survives_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    total = 0
    for answered_min in (60, 17, 33):  # three lives on one file, each killed mid-work
        command = [sys.executable, "-c", _KILLED, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            answered = 0
            for line in process.stdout:
                answered = int(line)
                if answered >= answered_min * 20:
                    break
            process.send_signal(signal.SIGKILL)
            for line in process.stdout:
                answered = int(line)
        total = max(total, answered)
        with TimeSeriesEngine(path) as engine:
            counts = _counts(engine)
        # One write may have been under way; all that was answered is there, once, whole.
        assert sum(count for count, _ in counts) in {total, total + 20}
        assert all(count == distinct for count, distinct in counts)


_FILLED = _KILLED.replace("import sys\n", "import sys, signal, resource\n", 1).replace(
    "while True:",
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "engine.write(Write('d', parse_lines('m0 x0=1 1', Precision.NANOSECOND, 0).points)).result()\n"
    "limit = Path(sys.argv[1]).stat().st_size + 3_000_000\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
    "while True:",
).replace("range(20)", "range(2000)").replace("+= 20", "+= 2000").replace(
    "    engine.write(Write(\"d\", parsed.points)).result()",
    "    try:\n        engine.write(Write(\"d\", parsed.points)).result()\n"
    "    except Exception as error:\n"
    "        print('failed', type(error).__name__, flush=True)\n"
    "        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)\n"
    "        engine.write(Write('e', parsed.points)).result()\n"
    "        print('recovered', engine.query('SELECT count(*) FROM \"db:e\".m0').future.result()"
    ".rows.num_rows, flush=True)\n"
    "        sys.exit(0)",
)  # fmt: skip


def test_a_full_disk_refuses_whole_writes_and_the_store_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", _FILLED, str(path)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    *numbers, failed, recovered = done.stdout.splitlines()
    assert (done.returncode, failed) == (0, "failed DiskFullError"), done.stderr
    assert recovered.split()[0] == "recovered"
    with TimeSeriesEngine(path) as engine:
        counts = _counts(engine)
    assert sum(count for count, _ in counts) == (int(numbers[-1]) if numbers else 0) + 1


def test_too_little_room_on_the_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    free = [10**12]
    engine = TimeSeriesEngine(tmp_path / "store.duckdb", free_bytes=lambda _: free[0])
    with engine:
        _store(engine, "m x=1 1")
        free[0] = 1000
        with pytest.raises(DiskFullError, match="MiB"):
            _store(engine, "m x=1 2")
        free[0] = 10**12
        _store(engine, "m x=1 3")
        assert _rows(engine, 'SELECT count(*) FROM "db:d".m') == [(2,)]


def test_a_full_queue_refuses_at_once_and_takes_writes_again(engine: TimeSeriesEngine) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: object) -> None:
        begun.set()
        go_on.wait()

    held = engine.change(hold)
    begun.wait()
    waiting = []
    for number in range(WRITES_MAX):
        waiting.append(engine.write(_write(f"m x=1 {number}")))
    with pytest.raises(BusyError):
        engine.write(_write("m x=1 -1"))
    go_on.set()
    held.result()
    assert all(future.result().stored == 1 for future in waiting)
    assert _store(engine, "m x=1 -1").stored == 1
    assert _rows(engine, 'SELECT count(*) FROM "db:d".m') == [(len(waiting) + 1,)]


def test_a_long_query_is_stopped_and_a_cancelled_one_too(engine: TimeSeriesEngine) -> None:
    with pytest.raises(QueryTimeoutError, match=r"0\.05 s"):
        engine.query(_SLOW, seconds_max=0.05).future.result(20)
    running = [engine.query(_SLOW) for _ in range(5)]  # more than there are readers
    for each in running:
        each.cancel()
        with pytest.raises(QueryCancelledError):
            each.future.result(20)


def test_more_rows_than_the_limit_are_cut_and_said_to_be(engine: TimeSeriesEngine) -> None:
    answer = engine.query("SELECT * FROM range(100)", rows_max=10).future.result()
    assert (answer.rows.num_rows, answer.truncated) == (10, True)
    answer = engine.query("SELECT * FROM range(10)", rows_max=10).future.result()
    assert (answer.rows.num_rows, answer.truncated) == (10, False)


def test_a_reader_cannot_write_or_reach_files(engine: TimeSeriesEngine, tmp_path: Path) -> None:
    _store(engine, "m x=1 1")
    target = tmp_path / "out.csv"
    for statement in (
        'DELETE FROM "db:d".m',
        "CREATE TABLE main.x (a INTEGER)",
        "SELECT * FROM read_csv('/etc/passwd')",
        f"COPY (SELECT 1) TO '{target}'",
        "SET enable_external_access = true",
        f"ATTACH '{target}'",
        "INSTALL httpfs",
    ):
        running = engine.query(statement)
        assert running.future.exception(20) is not None, statement
    assert not target.exists()
    assert _rows(engine, 'SELECT count(*) FROM "db:d".m') == [(1,)]


def test_writers_and_readers_at_once_lose_nothing(engine: TimeSeriesEngine) -> None:
    counts: list[int] = []
    _store(engine, "m,t=x v=0 0")
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            counts.append(_rows(engine, 'SELECT count(*) FROM "db:d".m')[0][0])

    def write(thing: int) -> None:
        for batch in range(10):
            # Each batch overlaps the one before by half.
            times = range(batch * 5, batch * 5 + 10)
            _store(engine, "".join(f"m,t=t{thing} v={n},f{thing}={n} {n}\n" for n in times))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[thing]) for thing in range(4)]
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert counts == sorted(counts)
    assert _rows(engine, 'SELECT count(*), count(DISTINCT (time, t)) FROM "db:d".m') == [(221, 221)]
    assert _rows(engine, 'SELECT count(f0), sum(f0) FROM "db:d".m') == [(55, sum(range(55)))]


_KEYS = st.tuples(st.integers(0, 3), st.sampled_from([None, "a", "b"]))
_VALUES = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.integers(0, 9), min_size=1)
_WRITES = st.lists(st.lists(st.tuples(_KEYS, _VALUES), min_size=1, max_size=6), max_size=5)


@settings(max_examples=40, deadline=None)
@given(writes=_WRITES, together=st.booleans())
def test_the_store_holds_what_a_dictionary_would(
    shared_engine: tuple[TimeSeriesEngine, list[int]],
    writes: list[list[tuple[tuple[int, str | None], dict[str, int]]]],
    together: bool,
) -> None:
    engine, runs = shared_engine
    runs[0] += 1
    model: dict[tuple[int, str | None], dict[str, int]] = {}
    pending = []
    for points in writes:
        lines = ""
        for (time, tag), values in points:
            model.setdefault((time, tag), {}).update(values)
            fields = ",".join(f"{name}={value}" for name, value in values.items())
            lines += f"r{runs[0]}{f',t={tag}' if tag else ''} {fields} {time}\n"
        pending.append(engine.write(_write(lines)))
        if not together:
            wait(pending)
    assert all(future.result().refused == () for future in pending)
    found = {}
    if model:
        table = engine.catalog.table("d", f"r{runs[0]}")
        rows: pa.Table = engine.query(
            f"SELECT * REPLACE (epoch_ns(time) AS time) FROM {table.sql_name}"  # noqa: S608 - quoted
        ).future.result().rows  # fmt: skip
        for row in rows.to_pylist():
            key = row.pop("time"), row.pop("t", None)
            assert key not in found
            found[key] = {name: value for name, value in row.items() if value is not None}
    assert found == model


@pytest.fixture(scope="module")
def shared_engine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One store for many examples; each uses a table of its own."""
    with TimeSeriesEngine(tmp_path_factory.mktemp("model") / "store.duckdb") as engine:
        yield engine, [0]


def test_the_file_belongs_to_one_process(engine: TimeSeriesEngine, tmp_path: Path) -> None:
    _store(engine, "m x=1 1")
    script = f"import duckdb; duckdb.connect({str(tmp_path / 'store.duckdb')!r})"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert str(os.getpid()) in done.stderr
