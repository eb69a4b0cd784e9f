"""Rows of a tag map in CSV, each with its line; a column that is empty is not there.

The first line names the columns, in any order. Separator is a comma, a semicolon or a tab, as
spreadsheets write them; lines that begin with # are comments.
"""

import csv
from collections.abc import Iterator

from tidegate.tag_map_entry import Mistakes
from tidegate.yaml_lines import LinedMap

CELL_BYTES_MAX = 4096


def read_rows(text: str, file: str, mistakes: Mistakes) -> Iterator[LinedMap]:
    """Yield a map for each row; rows of another length are mistakes."""
    lines = text.splitlines()
    numbered = [(n, line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#"]
    if not numbered:
        mistakes.add(file, 0, "has no line that names the columns")
        return
    head_line, head = numbered[0]
    separator = max(",;\t", key=head.count)
    columns = _columns(head, separator, head_line, file, mistakes)
    for line, row_text in numbered[1:] if columns else ():
        try:
            row = next(csv.reader([row_text], delimiter=separator, strict=True))
        except csv.Error as error:
            mistakes.add(file, line, f"is no CSV: {error}")
            continue
        if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
            mistakes.add(file, line, f"has {len(row)} cells, and there are {len(columns)} columns")
            continue
        lined = LinedMap(line)
        for name, cell in zip(columns, row, strict=False):
            if len(cell) > CELL_BYTES_MAX:
                mistakes.add(file, line, f"{name} is longer than {CELL_BYTES_MAX} characters")
            elif cell.strip():
                lined[name] = cell.strip()
        if lined:
            yield lined


def _columns(head: str, separator: str, line: int, file: str, mistakes: Mistakes) -> list[str]:
    try:
        columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=separator))]
    except csv.Error as error:
        mistakes.add(file, line, f"is no CSV: {error}")
        return []
    for name in sorted({name for name in columns if columns.count(name) > 1}):
        mistakes.add(file, line, f"column {name or '(empty)'} stands twice")
    return columns
