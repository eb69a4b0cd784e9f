"""One line of line protocol, parsed strictly and in full: escapes, quoted strings, types."""

import math
import re
from dataclasses import dataclass

from tidelocal.timeseries.errors import TimeSeriesError
from tidelocal.timeseries.points import FieldKind

Value = float | int | bool | str


class LineError(TimeSeriesError):
    """The text is not line protocol."""


@dataclass(frozen=True, slots=True)
class Line:
    """`tags` and `fields` are as written; `raw_...` are the names before unescaping."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, tuple[FieldKind, Value]]
    timestamp: int | None
    raw_measurement: str
    raw_tags: tuple[str, ...]
    raw_fields: tuple[str, ...]


BOOLEANS = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_MEASUREMENT = re.compile(r"(?:[^\\, \t\n]|\\.)+")
_KEY = re.compile(r"(?:[^\\,= \t\n]|\\.)+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^, \t\n]+")
_BLANK = re.compile(r"[ \t]+")
_TIMESTAMP = re.compile(r"-?[0-9]{1,19}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"(-?[0-9]{1,19})i")
_UNSIGNED = re.compile(r"([0-9]{1,20})u")
_ESCAPED = re.compile(r"\\([\\,= ])")
_STRING_ESCAPED = re.compile(r'\\([\\"])')
# A line ends at a newline that is not inside a quoted string; strings begin after a `=`
# in the second section only, since quotes mean nothing in names and tags.
_WHOLE = re.compile(
    r'[ \t]*(?:[^\\ \t\n]|\\[^\n]|\\(?=\n))*(?:[ \t](?:="(?:[^"\\]|\\.)*"|[^\n])*)?',
    re.DOTALL,
)


def line_end(text: str, at: int) -> int:
    """Where the line that begins at `at` ends: its newline, or the end of `text`."""
    newline = text.find("\n", at)
    if newline < 0:
        return len(text)
    if text.find('"', at, newline) < 0 or text[at] == "#":
        return newline
    found = _WHOLE.match(text, at)
    return found.end() if found else newline


def parse_line(text: str) -> Line:
    """Parse one line without blanks around it. Raises LineError saying what and where."""
    cursor = _Cursor(text)
    raw_measurement = cursor.take(_MEASUREMENT, "a measurement")
    raw_tags, tags = [], {}
    while cursor.skip(","):
        raw_name = cursor.take(_KEY, "a tag name")
        name = _unescaped(raw_name)
        if not cursor.skip("="):
            raise LineError(f"tag {name!r} has no value: expected '=' at character {cursor.at + 1}")
        if name in tags:
            raise LineError(f"tag {name!r} is given twice")
        tags[name] = _unescaped(cursor.take(_KEY, f"a value of tag {name!r}"))
        raw_tags.append(raw_name)
    cursor.take(_BLANK, "a blank and the fields")
    raw_fields, fields = [], {}
    while True:
        raw_name = cursor.take(_KEY, "a field name")
        name = _unescaped(raw_name)
        if not cursor.skip("="):
            raise LineError(
                f"field {name!r} has no value: expected '=' at character {cursor.at + 1}"
            )
        if name in fields or name in tags:
            raise LineError(f"field {name!r} is given twice")
        fields[name] = _field_value(cursor, name)
        raw_fields.append(raw_name)
        if not cursor.skip(","):
            break
    timestamp = None
    if not cursor.done:
        cursor.take(_BLANK, "a blank or the end of the line")
        timestamp = int(cursor.take(_TIMESTAMP, "an integer timestamp"))
        if not cursor.done:
            raise LineError(f"text after the timestamp at character {cursor.at + 1}")
    return Line(
        _unescaped(raw_measurement),
        tags,
        fields,
        timestamp,
        raw_measurement,
        tuple(raw_tags),
        tuple(raw_fields),
    )


class _Cursor:
    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    @property
    def done(self) -> bool:
        return self.at == len(self.text)

    def skip(self, character: str) -> bool:
        found = self.text.startswith(character, self.at)
        self.at += found
        return found

    def peek(self, character: str) -> bool:
        return self.text.startswith(character, self.at)

    def take(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            seen = f"got {self.text[self.at]!r}" if not self.done else "the line ends"
            raise LineError(f"expected {what} at character {self.at + 1}, {seen}")
        self.at = found.end()
        return found[0]


def _field_value(cursor: _Cursor, name: str) -> tuple[FieldKind, Value]:
    if cursor.peek('"'):
        quoted = cursor.take(_STRING, f"a closing quote of field {name!r}")
        return FieldKind.STRING, _STRING_ESCAPED.sub(r"\1", quoted[1:-1])
    word = cursor.take(_BARE, f"a value of field {name!r}")
    if word in BOOLEANS:
        return FieldKind.BOOLEAN, BOOLEANS[word]
    if _FLOAT.fullmatch(word):
        number = float(word)
        if math.isfinite(number):
            return FieldKind.FLOAT, number
    elif (found := _INTEGER.fullmatch(word)) and -(2**63) <= int(found[1]) < 2**63:
        return FieldKind.INTEGER, int(found[1])
    elif (found := _UNSIGNED.fullmatch(word)) and int(found[1]) < 2**64:
        return FieldKind.UNSIGNED, int(found[1])
    raise LineError(
        f"field {name!r}: {word[:64]!r} is not a float, integer (1i), unsigned (1u), "
        "boolean or quoted string in range"
    )


def _unescaped(name: str) -> str:
    return _ESCAPED.sub(r"\1", name) if "\\" in name else name
