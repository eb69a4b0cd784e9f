"""How answers reach people and programs: tables and progress, or JSON.

Answers go to standard output, everything else to standard error, so that a pipe gets answers.
"""

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WHOLE_MAX = 1e15  # above it a double does not hold every whole number

err = Console(stderr=True, highlight=False, soft_wrap=True)
out = Console(highlight=False)


def say(text: str) -> None:
    """Tell the user what is going on."""
    err.print(text)


def print_json(document: Any) -> None:
    """Write `document` as one line of JSON, the last of a command."""
    click.echo(json.dumps(document, separators=(",", ":"), ensure_ascii=False))


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Write a line for each fact, its name first; a line is never broken."""
    width = max(len(name) for name, _ in facts)
    for name, fact in facts:
        click.echo(f"{name:<{width}}  {fact}")


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "", *, whole: str = ""
) -> None:
    """Write a table; numbers stand to the right, a missing value is empty.

    `whole` is the column whose cells are never broken, however narrow the terminal.
    """
    table = Table(title=Text(title) if title else None, title_justify="left", header_style="bold")
    for position, name in enumerate(columns):
        present = [row[position] for row in rows if row[position] is not None]
        numeric = present and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in present
        )
        table.add_column(
            Text(name),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=name == whole,
        )
    for row in rows:
        table.add_row(*(Text(cell_text(value)) for value in row))
    out.print(table)


def cell_text(value: Any) -> str:
    """Return how a cell reads for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.1f}" if value.is_integer() and abs(value) < _WHOLE_MAX else f"{value:.10g}"
    return str(value)
