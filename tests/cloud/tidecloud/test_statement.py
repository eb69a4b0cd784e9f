"""A statement only reads, and asks for no more rows than its asker wants."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidecloud import QueryError
from tidecloud.statement import limited, read_only


@pytest.mark.parametrize(
    "sql",
    [
        "select * from climate",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "(SELECT 1) UNION (SELECT 2)",
        "SHOW TABLES",
        "DESCRIBE climate",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT ';' AS semicolon",
        "SELECT 1 -- ; drop table a",
        "-- first\nSELECT 1",
        "/* first; */ SELECT \"insert into\", 'delete from x' FROM climate",
        'SELECT updated, load, "set" FROM copy',
    ],
)
def test_a_statement_that_reads_passes(sql: str) -> None:
    assert read_only(sql) == sql


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE climate",
        "insert into climate values (1)",
        "COPY climate TO 'file'",
        "SELECT 1; DROP TABLE climate",
        "/* SELECT */ DELETE FROM climate",
        "WITH a AS (SELECT 1) INSERT INTO climate SELECT * FROM a",
        "WITH a AS (SELECT 1) DELETE FROM climate",
        "EXPLAIN ANALYZE DELETE FROM climate",
        "EXPLAIN DROP TABLE climate",
        "UNLOAD (SELECT 1) TO 's3://bucket'",
        "ATTACH 'file' AS a",
        "PRAGMA database_list",
        "SET memory_limit = '1GB'",
        "",
        ";",
    ],
)
def test_a_statement_that_writes_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        read_only(sql)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(QueryError):
        assert limited(read_only(text), 10).startswith(read_only(text))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM a",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "SELECT 'limit' -- limit",
        "(VALUES (1))",
    ],
)
def test_a_statement_without_a_limit_gets_one(sql: str) -> None:
    assert limited(sql, 11) == sql + "\nLIMIT 11"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM a LIMIT 5",
        "SELECT * FROM (SELECT 1 limit 2)",
        "SELECT 1 OFFSET 2",
        "SHOW TABLES",
    ],
)
def test_a_statement_with_a_limit_or_without_a_place_for_one_stays(sql: str) -> None:
    assert limited(sql, 11) == sql
