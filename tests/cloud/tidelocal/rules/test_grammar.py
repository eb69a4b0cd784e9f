"""The grammar: what it takes, and that it says by name what it does not."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.rules.errors import RuleRefusedError
from tidelocal.rules.grammar import (
    STATEMENT_CHARACTERS_MAX,
    parse_expression,
    parse_statement,
)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM 'a'",
        "select *, topic() as t from 'a/+/#' where x > 1 and not y",
        "SELECT\n\ta.b AS c.d,\n\t'it''s' AS q\nFROM \"a\"",
        "SELECT selected, from_here, in, value FROM 'a'",
        "SELECT a",
        "SELECT a WHERE b",
        "SELECT (a + 2) * -b / 3 % 4 AS n FROM 'a'",
        "SELECT encode(*, 'base64') AS data FROM 'a'",
    ],
)
def test_a_statement_of_the_grammar_is_parsed(sql: str) -> None:
    assert parse_statement(sql).data == "statement"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SET @a = 1 SELECT @a AS x FROM 'a'", "SET variables"),
        ("SELECT @a AS x FROM 'a'", "a SET variable"),
        ("SELECT CASE a WHEN 1 THEN 2 END AS b FROM 'a'", "CASE"),
        ("SELECT VALUE a FROM 'a'", "SELECT VALUE"),
        ("SELECT (SELECT a FROM b) AS c FROM 'a'", "a nested SELECT"),
        ("SELECT {'a': 1} AS o FROM 'a'", "an object literal"),
        ("SELECT [1, 2] AS o FROM 'a'", "an array literal or index"),
        ("SELECT a[0] AS o FROM 'a'", "an array literal or index"),
        ("SELECT a FROM 'a' WHERE a IN ['x']", "IN"),
        ("SELECT a FROM 'a' WHERE a LIKE 'x%'", "LIKE"),
        ("SELECT a FROM 'a' WHERE a BETWEEN 1 AND 2", "BETWEEN"),
        ("SELECT a FROM 'a' WHERE a IS NULL", "IS"),
        ("SELECT a FROM 'a' WHERE a != 1", "!= (write <>)"),
        ("SELECT a FROM 'a' WHERE a = 1 -- why", "a comment"),
    ],
)
def test_what_the_local_cloud_lacks_is_refused_by_name(sql: str, told: str) -> None:
    with pytest.raises(RuleRefusedError) as refusal:
        parse_statement(sql)
    assert str(refusal.value).startswith(f"{told} is not in this local cloud's IoT SQL (character ")


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("", "ends too early"),
        ("SELECT", "ends too early"),
        ("SELECT a FROM 'a' WHERE", "ends too early"),
        ("SELECT abs(1 FROM 'a'", "unexpected 'FROM' at character 13"),
        ("SELECT a FROM a", "unexpected 'a' at character 14"),
        ("SELECT a, FROM 'a'", "unexpected \"'a'\" at character 15"),
        ("SELECT a b FROM 'a'", "unexpected 'b' at character 9"),
        ("SELECT a FROM 'a' LIMIT 3", "unexpected 'LIMIT' at character 18"),
        ("SELECT a FROM 'a' WHERE a == 1", "unexpected '=' at character 27"),
        ("SELECT a FROM 'a' WHERE a = 'x", 'unexpected "\'" at character 28'),
        ("SELECT a FROM 'a';", "unexpected ';' at character 17"),
        ("SELECT 1a FROM 'a'", "unexpected 'a' at character 8"),
    ],
)
def test_a_mistake_is_told_with_its_place(sql: str, told: str) -> None:
    with pytest.raises(RuleRefusedError) as refusal:
        parse_statement(sql)
    assert told in str(refusal.value)


def test_a_statement_longer_than_aws_takes_is_refused() -> None:
    sql = "SELECT a FROM 'a'".ljust(STATEMENT_CHARACTERS_MAX)
    assert parse_statement(sql)
    with pytest.raises(RuleRefusedError, match="262145 characters, 262144 at most"):
        parse_statement(sql + " ")


@given(st.text(max_size=40) | st.text("SELECTabWHRFOM*(),.'\"<>=+-/%@{}[]! 019", max_size=40))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    for parse in (parse_statement, parse_expression):
        with suppress(RuleRefusedError):
            parse(text)
