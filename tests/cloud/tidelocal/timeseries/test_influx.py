"""The InfluxDB 3 API over real HTTP: writes, queries, refusals, bounds."""

import gzip
import io
import threading
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from tidelocal.timeseries import TimeSeriesEngine, influx_app
from tidelocal.timeseries.definition import Definition
from tidelocal.timeseries.http_request import BODY_BYTES_MAX

Influx = Any  # conftest's client
T = 1_790_000_000_000_000_000
AT = "2026-09-21T14:13:20"


def test_written_lines_are_answered_as_rows(influx: Influx) -> None:
    assert influx.write(f"climate,thing=t1 temperature_c=21.5,n=3i {T}").status == 204
    assert influx.rows("SELECT * FROM climate") == [
        {"n": 3, "temperature_c": 21.5, "thing": "t1", "time": AT}
    ]


def test_a_sum_of_integers_is_an_integer(influx: Influx) -> None:
    """DuckDB sums 64-bit integers in 128 bits; InfluxDB 3 does not."""
    assert influx.write("m n=9007199254740993i 1\nm n=2i 2").status == 204
    response = influx.rows("SELECT sum(n) AS total FROM m")
    assert response == [{"total": 9007199254740995}]
    assert type(response[0]["total"]) is int


def test_a_partial_write_names_the_refused_lines_and_stores_the_rest(influx: Influx) -> None:
    assert influx.write(f"m v=1 {T}").status == 204
    response = influx.write(f"m v=2 {T + 1}\n# note\nnonsense\nm v=3i {T + 2}\n")
    assert response.status == 400
    answer = response.json()
    assert answer["error"].startswith("partial write")
    lines = [(each["line_number"], each["original_line"]) for each in answer["data"]]
    assert lines == [(3, "nonsense"), (4, f"m v=3i {T + 2}")]
    assert all(each["error_message"] for each in answer["data"])
    assert influx.rows("SELECT count(*) AS n FROM m") == [{"n": 2}]


@pytest.mark.parametrize("bad", ["nonsense", f"m v=3i {T}"])
def test_without_partial_writes_one_bad_line_stores_nothing(influx: Influx, bad: str) -> None:
    assert influx.write("m v=1 1").status == 204
    response = influx.write(f"m v=2 2\n{bad}", "precision=ns&accept_partial=false")
    assert response.status == 400
    assert response.json()["data"][0]["original_line"] == bad
    assert influx.rows("SELECT count(*) AS n FROM m") == [{"n": 1}]


def test_gzip_bodies_of_several_members_are_read(influx: Influx) -> None:
    body = gzip.compress(b"m v=1 1\nm v=2") + gzip.compress(b" 2\nm v=3 3")
    headers = {"content-encoding": "gzip"}
    assert influx.write(body, headers=headers).status == 204
    assert influx.rows("SELECT sum(v) AS s FROM m") == [{"s": 6.0}]
    for broken in (body[:-3], b"not gzip"):
        assert influx.write(broken, headers=headers).status == 400
    assert influx.write(b"m v=1 1", headers={"content-encoding": "br"}).status == 415


def test_a_body_over_the_limit_is_refused_packed_or_not(influx: Influx) -> None:
    assert influx.write(b"#" * (BODY_BYTES_MAX + 1)).status == 413
    packed = gzip.compress(b"#" * (BODY_BYTES_MAX + 1))
    assert influx.write(packed, headers={"content-encoding": "gzip"}).status == 413


def test_the_older_write_paths_store_too(influx: Influx) -> None:
    v2 = influx.request("POST", "/api/v2/write?bucket=d&org=o&precision=s", body="m v=1 1790000000")
    v1 = influx.request("POST", "/write?db=d&precision=ms", body="m v=2 1790000000001")
    by_ns = influx.request("POST", "/write?db=d", body=f"m v=3 {T + 2_000_000}")
    assert [v2.status, v1.status, by_ns.status] == [204, 204, 204]
    assert [row["time"] for row in influx.rows("SELECT time FROM m ORDER BY v")] == [
        AT,
        AT + ".001",
        AT + ".002",
    ]


@pytest.mark.parametrize(
    ("query", "told"),
    [("", "db"), ("db=d&precision=weeks", "weeks"), ("db=d&accept_partial=maybe", "maybe"),
     ("db=a%20b", "a b")],
)  # fmt: skip
def test_a_wrong_parameter_is_named(influx: Influx, query: str, told: str) -> None:
    response = influx.request("POST", f"/api/v3/write_lp?{query}", body="m v=1 1")
    assert response.status == 400
    assert told in response.json()["error"]


def test_a_body_that_is_not_utf8_is_refused(influx: Influx) -> None:
    response = influx.write(b"m v=1 1\nm,t=\xff v=1 1")
    assert (response.status, response.json()["error"]) == (400, "the body is not UTF-8: byte 12")


@pytest.mark.parametrize(
    "headers",
    [{"authorization": ""}, {"authorization": "Bearer wrong"}, {"authorization": "a-token"},
     {"authorization": "Basic %%%"}, {"authorization": "Bearer \xff"}],
)  # fmt: skip
def test_only_the_token_opens_the_api(influx: Influx, headers: dict[str, str]) -> None:
    for method, path in (("POST", "/api/v3/write_lp?db=d"), ("GET", "/api/v3/query_sql"),
                         ("GET", "/api/v3/configure/database"), ("POST", "/write?db=d&p=x")):  # fmt: skip  # noqa: E501  a table
        assert influx.request(method, path, headers=headers).status == 401
    assert influx.request("GET", "/health", headers=headers).status == 200


def test_each_scheme_that_influxdb_knows_is_taken(influx: Influx) -> None:
    basic = "Basic dXNlcjphLXRva2Vu"  # user:a-token
    for given in ("Token a-token", "bearer a-token", basic):
        assert influx.write("m v=1 1", headers={"authorization": given}).status == 204
    influx.headers = {}
    assert influx.request("POST", "/write?db=d&u=x&p=a-token", body="m v=1 1").status == 204


def test_ping_and_health_answer(influx: Influx) -> None:
    ping = influx.request("GET", "/ping")
    assert ping.json()["version"] == ping.headers["x-influxdb-version"]
    assert influx.request("GET", "/health").data == b"OK"
    assert influx.request("GET", "/nowhere").status == 404
    assert influx.request("GET", "/write").status == 405


def test_databases_are_made_listed_and_dropped(influx: Influx) -> None:
    path = "/api/v3/configure/database"
    assert influx.request("POST", path, json={"db": "one"}).status == 200
    assert influx.request("POST", path, json={"db": "one"}).status == 409
    assert influx.request("POST", path, json={"name": "x"}).status == 400
    assert influx.write("m v=1 1").status == 204
    listed = influx.request("GET", path + "?format=json").json()
    assert listed == [{"iox::database": "d"}, {"iox::database": "one"}]
    assert influx.request("DELETE", path + "?db=d").status == 200
    assert influx.request("DELETE", path + "?db=d").status == 404
    query = influx.request("POST", "/api/v3/query_sql", json={"db": "d", "q": "SELECT 1"})
    assert query.status == 404


def test_each_format_carries_the_same_rows(influx: Influx) -> None:
    influx.write(f'm,t=a v=1.5,s="x,""y" {T}\nm,t=b v=2 {T + 1}'.replace('""', '\\"'))

    def answer(form: str) -> Any:
        fields = {"db": "d", "q": "SELECT t, s, v, time FROM m ORDER BY t", "format": form}
        return influx.request("GET", "/api/v3/query_sql", fields=fields)

    rows = [
        {"t": "a", "s": 'x,"y', "v": 1.5, "time": AT},
        {"t": "b", "v": 2.0, "time": AT + ".000000001"},
    ]
    assert answer("json").json() == rows
    assert [orjson.loads(line) for line in answer("jsonl").data.splitlines()] == rows
    assert answer("csv").data.decode().splitlines() == [
        "t,s,v,time",
        f'a,"x,""y",1.5,{AT}',
        f"b,,2.0,{AT}.000000001",
    ]
    pretty = answer("pretty").data.decode().splitlines()
    assert pretty[1].split() == ["|", "t", "|", "s", "|", "v", "|", "time", "|"]
    assert len({len(line) for line in pretty}) == 1
    table = pq.read_table(io.BytesIO(answer("parquet").data))
    assert table.column("v").to_pylist() == [1.5, 2.0]
    assert answer("xml").status == 400


def test_parameters_are_bound_as_values(influx: Influx) -> None:
    influx.write("m,t=a v=1 1\nm,t=b v=2 2")
    text = "SELECT v FROM m WHERE t = $t"
    assert influx.rows(text, params={"t": "b"}) == [{"v": 2.0}]
    assert influx.rows(text, params={"t": "' OR '1'='1"}) == []
    assert "$t" in influx.error(text)
    assert "$t" in influx.error(text, params={"t": [1]})


def test_a_result_over_the_limit_is_refused_and_not_cut(influx: Influx) -> None:
    assert influx.write("m v=1 1").status == 204
    error = influx.error("SELECT * FROM generate_series(1, 500001)")
    assert "500000 rows" in error
    assert len(influx.rows("SELECT 1 AS x FROM generate_series(1, 2000)")) == 2000


def test_a_write_that_finds_the_queue_full_is_told_when_to_come_again(
    engine: TimeSeriesEngine, influx: Influx
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def hold(_: Definition) -> None:
        begun.set()
        go_on.wait()

    held = engine.change(hold)
    begun.wait()
    waiting = [engine.change(lambda _: None) for _ in range(256)]
    response = influx.write("m v=1 1")
    go_on.set()
    assert (response.status, response.headers["retry-after"]) == (503, "1")
    for future in (held, *waiting):
        future.result()
    assert influx.write("m v=1 1").status == 204


def test_an_empty_token_makes_no_server(engine: TimeSeriesEngine) -> None:
    with pytest.raises(ValueError, match="token"):
        influx_app(engine, "")
