"""Give the cells of an answer their types."""

import re
from collections.abc import Sequence
from typing import Any

from tidecloud.store.port import Answer, AnswerColumn, Cell

# How Arrow's JSON writes a timestamp without a zone, and how we write one.
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|\+00:00)?")

# The first that holds all the kinds of a column's cells names its type.
_TYPES: tuple[tuple[set[type], str], ...] = (
    (set(), "null"),
    ({bool}, "boolean"),
    ({int}, "integer"),
    ({int, float}, "double"),
    ({str, int, float, bool}, "string"),
)


def answer_of_objects(objects: Sequence[dict[str, Any]], truncated: bool) -> Answer:
    """Return the answer of an engine that says its rows as JSON objects.

    Such an engine leaves missing values out, so the columns are those of all objects together,
    a late one behind the column it follows; and says no types, so a column is a timestamp when
    all its texts read as one.
    """
    names: list[str] = []
    for document in objects:
        if len(document) > len(names) or not document.keys() <= set(names):
            _merge(names, list(document))
    columns, cells = [], []
    for name in names:
        values = [document.get(name) for document in objects]
        kind = type_of_cells(values)
        columns.append(AnswerColumn(name, kind))
        cells.append([iso_utc(value) for value in values] if kind == "timestamp" else values)
    rows = [list(row) for row in zip(*cells, strict=True)] if cells else []
    return Answer(columns, rows, truncated)


def iso_utc(value: Any) -> Cell:
    """Return a timestamp's text as ISO 8601 in UTC with `Z`, without trailing zeros."""
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return]  # what is no text is a cell already
    text = value.replace(" ", "T", 1).removesuffix("+00:00").removesuffix("Z")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if fraction else f"{whole}Z"


def type_of_cells(values: Sequence[Any]) -> str:
    """Return the type of a column of JSON values."""
    present = [value for value in values if value is not None]
    kinds = {type(value) for value in present}
    if kinds == {str} and all(map(_TIMESTAMP.fullmatch, present)):
        return "timestamp"
    for members, name in _TYPES:
        if kinds <= members:
            return name
    return "nested"


def _merge(names: list[str], others: Sequence[str]) -> None:
    """Insert the names that are new, each behind the one it follows."""
    at = 0
    for name in others:
        if name in names:
            at = names.index(name) + 1
        else:
            names.insert(at, name)
            at += 1
