"""SQL as InfluxDB 3 users write it, and what no SQL may do."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidelocal.timeseries import TimeSeriesEngine, guard, influx_sql
from tidelocal.timeseries.admission import Write
from tidelocal.timeseries.answer_format import plain_columns
from tidelocal.timeseries.errors import QueryRefusedError
from tidelocal.timeseries.line_protocol import parse_lines
from tidelocal.timeseries.precision import Precision

NOW_NS = 1_790_000_000 * 10**9  # 2026-09-21T14:13:20Z
_MINUTE_NS = 60 * 10**9
_LINES = "".join(
    f"cpu,host={host} load={load},busy={str(load > 2).lower()} {NOW_NS - load * _MINUTE_NS}\n"
    for host in "ab"
    for load in range(5)
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with TimeSeriesEngine(tmp_path_factory.mktemp("sql") / "store.duckdb") as engine:
        for database, lines in (("d", _LINES), ("secret", "safe pin=1 1")):
            points = parse_lines(lines, Precision.NANOSECOND, 0).points
            engine.write(Write(database, points)).result()
        yield engine


def _translated(store: TimeSeriesEngine, statement: str) -> str:
    return influx_sql.translate(
        statement,
        database="d",
        catalog=store.catalog,
        functions=store.functions,
        now_ns=NOW_NS,
    )


def _rows(store: TimeSeriesEngine, statement: str) -> list[tuple[Any, ...]]:
    answer = store.query(_translated(store, statement)).future.result()
    return list(zip(*plain_columns(answer.rows), strict=True))


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT count(*) FROM cpu WHERE time > now() - INTERVAL '2 minutes'", [(4,)]),
        ("SELECT count(*) FROM iox.cpu WHERE time <= '2026-09-21T14:10:20Z'", [(4,)]),
        ("SELECT count(*) FROM public.iox.cpu c WHERE c.time < now()", [(8,)]),
        (
            "SELECT date_bin(INTERVAL '2 minutes', time), avg(load) FROM cpu GROUP BY 1 ORDER BY 1",
            [
                ("2026-09-21T14:08:00", 4.0),
                ("2026-09-21T14:10:00", 2.5),
                ("2026-09-21T14:12:00", 0.5),
            ],
        ),
        (
            ("SELECT DISTINCT date_bin(INTERVAL '5 minutes', time, '1970-01-01T00:03:00Z') AS t "
             "FROM cpu ORDER BY 1"),
            [("2026-09-21T14:08:00",), ("2026-09-21T14:13:00",)],
        ),
        (
            ("SELECT host, selector_last(load, time)['value'], selector_last(load, time)['time'] "
             "FROM cpu GROUP BY host ORDER BY host"),
            [("a", 0.0, "2026-09-21T14:13:20"), ("b", 0.0, "2026-09-21T14:13:20")],
        ),
        (
            "SELECT selector_max(load, time) FROM cpu WHERE host = 'a'",
            [({"value": 4.0, "time": "2026-09-21T14:09:20"},)],
        ),
        (
            ("SELECT first_value(load ORDER BY time), last_value(load ORDER BY time) "
             "FROM cpu WHERE host = 'a'"),
            [(4.0, 0.0)],
        ),
        ("SELECT approx_percentile_cont(load, 0.5), median(load) FROM cpu", [(2.0, 2.0)]),
        ("SELECT arrow_cast(load, 'Int64'), load::utf8 FROM cpu WHERE load = 3 AND host = 'a'",
         [(3, "3.0")]),
        ("SELECT count(*) FROM cpu WHERE host ~ 'a|z' AND busy", [(2,)]),
        ("SELECT count(*) FROM cpu WHERE time = to_timestamp(1790000000)", [(2,)]),
        ("SELECT lag(load) OVER (PARTITION BY host ORDER BY time) FROM cpu LIMIT 1", [(None,)]),
        ("WITH cpu AS (SELECT * FROM cpu WHERE load > 3) SELECT count(*) FROM cpu", [(2,)]),
        (("SELECT a.load FROM cpu a JOIN cpu b ON a.time = b.time AND a.host <> b.host "
         "ORDER BY 1 LIMIT 1"), [(0.0,)]),
        ("SELECT table_name FROM information_schema.tables WHERE table_schema = 'iox'",
         [("cpu",)]),
        ("SHOW TABLES", [("public", "iox", "cpu", "BASE TABLE"),
                         ("public", "information_schema", "columns", "VIEW"),
                         ("public", "information_schema", "tables", "VIEW")]),
        ("SELECT column_name, data_type FROM information_schema.columns ORDER BY 1",
         [("busy", "Boolean"), ("host", "Dictionary(Int32, Utf8)"), ("load", "Float64"),
          ("time", "Timestamp(Nanosecond, None)")]),
    ],
)  # fmt: skip
def test_a_statement_of_influxdb_is_answered(
    store: TimeSeriesEngine, statement: str, rows: list[tuple[Any, ...]]
) -> None:
    assert _rows(store, statement) == rows


def test_show_columns_and_describe_agree(store: TimeSeriesEngine) -> None:
    columns = _rows(store, "SHOW COLUMNS FROM cpu")
    assert columns == _rows(store, 'DESCRIBE "cpu"')
    assert [row[3] for row in columns] == ["busy", "host", "load", "time"]


def test_unnamed_columns_are_called_by_their_text(store: TimeSeriesEngine) -> None:
    answer = store.query(_translated(store, "SELECT count(*), max(load) FROM cpu")).future.result()
    assert answer.rows.column_names == ["count(*)", "max(load)"]


def test_explain_shows_a_plan(store: TimeSeriesEngine) -> None:
    assert "cpu" in str(_rows(store, "EXPLAIN SELECT * FROM cpu"))


_REFUSED = [
    "DROP TABLE cpu",
    "DELETE FROM cpu",
    "INSERT INTO cpu SELECT * FROM cpu",
    "UPDATE cpu SET load = 1",
    "CREATE TABLE x AS SELECT 1",
    "WITH x AS (DELETE FROM cpu RETURNING *) SELECT * FROM x",
    "SELECT * INTO x FROM cpu",
    "ATTACH '/tmp/x'",
    "COPY cpu TO '/tmp/x'",
    "EXPORT DATABASE '/tmp/x'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "PRAGMA database_list",
    "SET memory_limit = '1TB'",
    "RESET memory_limit",
    "CALL pragma_version()",
    "CHECKPOINT",
    "USE main",
    "BEGIN",
    "EXPLAIN ANALYZE SELECT 1",
    "EXPLAIN DROP TABLE cpu",
    "SELECT 1; DROP TABLE cpu",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM READ_TEXT('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_parquet('s3://bucket/key')",
    "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('cpu')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM \"/etc/passwd\"",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM pragma_table_info('cpu')",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM main.databases",
    "SELECT * FROM databases",
    'SELECT * FROM "db:secret".safe',
    "SELECT * FROM safe",
    'SELECT * FROM store."db:secret".safe',
    "SELECT current_setting('memory_limit')",
    "SELECT getenv('HOME')",
    "SELECT error('x')",
    "SELECT sleep_ms(1000)",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM cpu WHERE load = (SELECT count(*) FROM read_csv('/etc/passwd'))",
    "SELECT * FROM cpu, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
    "SELECT tidegauge_version FROM cpu",
    "SELECT date_bin_gapfill(INTERVAL '1 minute', time) FROM cpu",
    "SELEC 1",
    "",
    "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "SELECT " + "+".join("1" * 3000),
]  # fmt: skip


@pytest.mark.parametrize("statement", _REFUSED, ids=range(len(_REFUSED)))
def test_a_statement_that_could_do_harm_is_refused(store: TimeSeriesEngine, statement: str) -> None:
    with pytest.raises(QueryRefusedError):
        _rows(store, statement)
    assert _rows(store, "SELECT count(*) FROM cpu") == [(10,)]


def test_a_refusal_says_what_is_not_there(store: TimeSeriesEngine) -> None:
    with pytest.raises(QueryRefusedError, match=r"public\.iox\.nothing"):
        _rows(store, "SELECT * FROM nothing")
    with pytest.raises(QueryRefusedError, match="nothing"):
        _rows(store, "SELECT nothing FROM cpu")


def test_a_statement_that_is_too_long_is_refused(store: TimeSeriesEngine) -> None:
    with pytest.raises(QueryRefusedError, match="longer"):
        _rows(store, "SELECT 1 -- " + "x" * guard.STATEMENT_BYTES_MAX)


_WORDS = st.sampled_from(
    ["SELECT", "*", "FROM", "cpu", "WHERE", "load", ">", "1", "AND", "host", "=", "'a'", "GROUP BY",
     "ORDER BY", "(", ")", ",", "count", "avg", "time", "now()", "date_bin", "INTERVAL '1 minute'",
     "-", ";", "--", '"', "'", "[", "]", "::", "AS", "x", "JOIN", "ON", "WITH", "UNION", "CASE",
     "WHEN", "END", "$p", "EXPLAIN", "DESCRIBE", "SHOW COLUMNS FROM"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(words=st.lists(_WORDS, max_size=14))
def test_no_text_is_answered_by_anything_but_rows_or_a_refusal(
    store: TimeSeriesEngine, words: list[str]
) -> None:
    with suppress(QueryRefusedError):
        _rows(store, " ".join(words))
