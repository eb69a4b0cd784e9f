"""Answers go to standard output as tables or JSON, the rest to standard error."""

import json

import pytest

from tidectl.output import cell_text, print_facts, print_json, print_table, say


def test_what_is_said_stays_out_of_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    say("working")
    print_json({"site": "Höhe"})
    written = capsys.readouterr()
    assert written.err == "working\n"
    assert written.out == '{"site":"Höhe"}\n'
    assert json.loads(written.out) == {"site": "Höhe"}


def test_numbers_stand_to_the_right_and_a_missing_value_is_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(("thing", "samples"), [("a", 5), ("b", None), ("c", 12345)])
    rows = [line.split("│")[1:3] for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert [row[0].strip() for row in rows] == ["a", "b", "c"]
    assert [row[1] for row in rows] == ["       5 ", "         ", "   12345 "]


def test_brackets_in_a_cell_are_text_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a [b]",), [("packages of [local]",), ("[/red]",)], title="of [all]")
    written = capsys.readouterr().out
    for text in ("a [b]", "packages of [local]", "[/red]", "of [all]"):
        assert text in written


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (True, "true"), (False, "false"), (0.1 + 0.2, "0.3"), (7, "7"), ("x", "x")],
)
def test_a_cell_reads_as_people_write_it(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_a_fact_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts([("a", "x" * 300), ("longer", "[red]")])
    assert capsys.readouterr().out == f"a       {'x' * 300}\nlonger  [red]\n"
