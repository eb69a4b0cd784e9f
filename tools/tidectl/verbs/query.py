"""`tidectl query`: ask the store a question in SQL."""

import csv
import sys
from typing import Any, TextIO

import click

from tidectl.home import Home
from tidectl.options import examples, json_option, pass_home, target_options
from tidectl.output import err, print_json, print_table, say
from tidectl.query_api import ROWS_MAX, Answer, QueryApi
from tidectl.target import find_target


@click.command(
    epilog=examples(
        'tidectl query "SHOW TABLES"',
        'tidectl query "SELECT time, thing, temperature_c FROM climate ORDER BY time DESC LIMIT 5"',
        'tidectl query --csv "SELECT * FROM climate" > climate.csv',
        "tidectl query --json - < question.sql",
    )
)
@click.argument("sql")
@click.option(
    "--rows", type=click.IntRange(1, ROWS_MAX), default=1_000, show_default=True,
    help="At most so many rows of the answer.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, the first line names the columns.")
@json_option
@target_options
@pass_home
def command(
    home: Home,
    sql: str,
    rows: int,
    as_csv: bool,
    as_json: bool,
    target: str,
    region: str | None,
) -> None:
    """Ask the store a question in SQL; `-` reads it from standard input.

    Every measurement is a table, every field a column, beside `time`, `site` and `thing`. The
    statement only reads. With --json the answer is one object: `columns`, `rows` (an object
    each) and `truncated`.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    statement = sys.stdin.read() if sql == "-" else sql
    with err.status("asking"):
        answer = QueryApi(find_target(target, home, region=region), rows_max=rows).ask(statement)
    if as_json:
        print_json(_document(answer))
    elif as_csv:
        _write_csv(answer, sys.stdout)
    else:
        print_table(answer.columns, answer.rows)
    if answer.truncated:
        say(f"[yellow]there are more than {len(answer.rows)} rows:[/] see --rows, or add a LIMIT")


def _document(answer: Answer) -> dict[str, Any]:
    columns = [
        {"name": name, "type": kind}
        for name, kind in zip(answer.columns, answer.types, strict=True)
    ]
    return {"columns": columns, "rows": answer.dicts(), "truncated": answer.truncated}


def _write_csv(answer: Answer, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    writer.writerows(answer.rows)
