"""SELECT, FROM and WHERE on a message."""

from typing import Any

import pytest

from tests.cloud.tidelocal.rules.messages import message
from tidelocal.rules.errors import PayloadError, RuleRefusedError
from tidelocal.rules.statement import Output, compile_statement, output_bytes


def _run(sql: str, payload: Any = b"{}") -> Output | None:
    return compile_statement(sql).run(message(payload))


def _select(columns: str, where: str = "true") -> str:
    return f"SELECT {columns} FROM 'a' WHERE {where}"  # noqa: S608  a rule's, of this file


@pytest.mark.parametrize(
    ("columns", "payload", "output"),
    [
        ("a", {"a": 1, "b": 2}, {"a": 1}),
        ("missing", {"a": 1}, {}),
        ("a AS x", {"a": None}, {"x": None}),
        ("a.b", {"a": {"b": 2}}, {"b": 2}),
        ("topic(2)", {}, {"topic": "site"}),
        ("a AS x.y.z, b AS x.w", {"a": 1, "b": 2}, {"x": {"y": {"z": 1}, "w": 2}}),
        ("a AS x, b AS x", {"a": 1, "b": 2}, {"x": 2}),
        ("*, topic(3) AS thing", {"a": 1}, {"a": 1, "thing": "thing"}),
        ("*, 9 AS a", {"a": 1}, {"a": 9}),
        ("*, 9 AS a.b", {"a": {"c": 1}}, {"a": {"c": 1, "b": 9}}),
        ("9 AS a, *", {"a": 1}, {"a": 1}),
    ],
)
def test_columns(columns: str, payload: Any, output: Output) -> None:
    assert _run(_select(columns), payload) == output


@pytest.mark.parametrize("payload", [b"\x00\xff", b"", b'{"a": 1}'])
def test_everything_is_the_payload_byte_by_byte(payload: bytes) -> None:
    output = _run("SELECT * FROM 'a'", payload)
    assert output == payload
    assert output is not None
    assert output_bytes(output) == payload


def test_columns_beside_everything_leave_the_message_as_it_is() -> None:
    one = message({"a": {"b": 1}})
    assert compile_statement("SELECT *, 2 AS a.b FROM 'a'").run(one) == {"a": {"b": 2}}
    assert one.document == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("where", "passes"),
    [
        ("a > 5", True),
        ("a < 5", False),
        ("missing > 5", False),
        ("a", False),
        ("'true'", False),
        ("a = 7 AND topic(2) = 'site'", True),
        ("b > 1", False),  # an alias is invisible to WHERE
    ],
)
def test_only_true_passes_where(where: str, passes: bool) -> None:
    output = _run(_select("a AS b", where), {"a": 7})
    assert output == ({"b": 7} if passes else None)


def test_from_is_the_filter_and_may_be_left_out() -> None:
    assert compile_statement("SELECT a FROM 'a/+/#' WHERE true").topic_filter == "a/+/#"
    assert compile_statement("SELECT a WHERE true").topic_filter is None


@pytest.mark.parametrize("payload", [b"\xff", b"[1]", b"5", b""])
def test_everything_beside_columns_needs_a_json_object(payload: bytes) -> None:
    with pytest.raises(PayloadError, match="needs a JSON object"):
        _run("SELECT *, topic() AS t FROM 'a'", payload)


def test_an_alias_inside_a_number_is_the_payloads_mistake() -> None:
    with pytest.raises(PayloadError, match=r"a\.b stands inside a value that is no object"):
        _run("SELECT *, 1 AS a.b FROM 'a'", {"a": 5})


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 1 + 1 FROM 'a'", "needs AS name"),
        ("SELECT 'x' FROM 'a'", "needs AS name"),
        ("SELECT a FROM 'a/#/b'", "# is the last"),
        ("SELECT a FROM ''", "1 to 256 bytes"),
        ("SELECT a FROM 'a' WHERE nope(a)", "is not a function"),
    ],
)
def test_a_statement_that_could_not_run_is_refused(sql: str, told: str) -> None:
    with pytest.raises(RuleRefusedError, match=told):
        compile_statement(sql)


@pytest.mark.parametrize("inner", ["NOT " * 20_000 + "a", "1" + " + 1" * 20_000])
def test_a_statement_nested_too_deeply_is_refused(inner: str) -> None:
    with pytest.raises(RuleRefusedError, match="nested too deeply"):
        compile_statement(_select(f"{inner} AS x"))


@pytest.mark.parametrize("depth", [10, 300])
def test_a_nested_payload_goes_through(depth: int) -> None:
    payload = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    output = _run(_select("*, topic(1) AS t"), payload)
    assert output is not None
    assert output_bytes(output) == payload[:-1] + b',"t":"dt"}'
