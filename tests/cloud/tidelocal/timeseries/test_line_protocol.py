"""Line protocol: what is accepted, what is refused and why, and that both parsers agree."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidelocal.timeseries.line import LineError, parse_line
from tidelocal.timeseries.line_protocol import ParsedLines, original_lines, parse_lines
from tidelocal.timeseries.points import FieldKind
from tidelocal.timeseries.precision import Precision, PrecisionError

NOW_NS = 1_790_000_000 * 10**9
Point = tuple[str, int, tuple[tuple[str, str], ...], tuple[tuple[str, str, Any], ...]]


def _points(parsed: ParsedLines) -> dict[int, Point]:
    """By line number: table, time, tags, and fields with their kinds."""
    found: dict[int, Point] = {}
    for points in parsed.points:
        for row, position in enumerate(points.positions.to_pylist()):
            tags = {name: values[row].as_py() for name, values in points.tags.items()}
            fields = [
                (name, field.kind.value, field.values[row].as_py())
                for name, field in points.fields.items()
            ]
            at_ns = points.times_ns[row].as_py()
            found[position] = points.table, at_ns, tuple(tags.items()), tuple(fields)
    return found


def _parse(text: str, precision: Precision = Precision.NANOSECOND) -> ParsedLines:
    return parse_lines(text, precision, NOW_NS)


def test_every_type_of_value_is_read() -> None:
    line = parse_line(
        r'm\ 1,a\=b=c\,d f=-1.5e3,g=.5,h=1,i=-9223372036854775808i,u=18446744073709551615u,'
        r'yes=t,no=False,s="a \"b\" \\ \c",t="x' + "\n" + 'y" -7'
    )  # fmt: skip
    assert (line.measurement, line.tags, line.timestamp) == ("m 1", {"a=b": "c,d"}, -7)
    assert {name: value for name, (_, value) in line.fields.items()} == {
        "f": -1500.0,
        "g": 0.5,
        "h": 1.0,
        "i": -(2**63),
        "u": 2**64 - 1,
        "yes": True,
        "no": False,
        "s": 'a "b" \\ \\c',
        "t": "x\ny",
    }
    assert line.fields["h"][0] is FieldKind.FLOAT
    assert line.fields["u"][0] is FieldKind.UNSIGNED


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("m", "fields"),
        ("m,a=1", "fields"),
        ("m,a f=1", "tag 'a' has no value"),
        ("m,a= f=1", "a value of tag 'a'"),
        ("m,=1 f=1", "a tag name"),
        (",a=1 f=1", "a measurement"),
        ("m f", "field 'f' has no value"),
        ("m f=", "a value of field 'f'"),
        ("m f=1,", "a field name"),
        ("m f=1 x", "integer timestamp"),
        ("m f=1 1.5", "after the timestamp"),
        ("m f=1 1 2", "after the timestamp"),
        ('m f="open', "closing quote"),
        ('m f="a"b', "a blank or the end"),
        ("m f=nan", "'nan'"),
        ("m f=inf", "'inf'"),
        ("m f=1e999", "range"),
        ("m f=1_0", "'1_0'"),
        ("m f=9223372036854775808i", "range"),
        ("m f=-1u", "'-1u'"),
        ("m f=18446744073709551616u", "range"),
        ("m f=tRUE", "'tRUE'"),
        ("m,a=1,a=2 f=1", "twice"),
        ("m f=1,f=2", "twice"),
        ("m,f=1 f=2", "twice"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(line: str, told: str) -> None:
    with pytest.raises(LineError, match=told):
        parse_line(line)
    parsed = _parse(f"ok v=1 1\n{line}\nok v=2 2")
    assert told in parsed.refused[0].reason
    assert parsed.refused[0].position == 2
    assert 1 in _points(parsed)


def test_comments_blank_lines_and_carriage_returns_count_as_lines_only() -> None:
    parsed = _parse("# m f=1\n\n  \r\nm f=1 1\r\n\tm f=2 2 \n#\nm f=3")
    assert {at: point[1] for at, point in _points(parsed).items()} == {4: 1, 5: 2, 7: NOW_NS}
    assert (parsed.lines, parsed.refused) == (3, ())


def test_a_newline_inside_a_string_does_not_end_the_line() -> None:
    text = 'm s="a\nb" 1\nm,t="x s="c" 2\nbad\n'
    parsed = _parse(text)
    fields = {at: point[3] for at, point in _points(parsed).items()}
    assert fields == {1: (("s", "string", "a\nb"),), 3: (("s", "string", "c"),)}
    assert [each.position for each in parsed.refused] == [4]
    assert original_lines(text, {1, 4}) == {1: 'm s="a\nb" 1', 4: "bad"}


@pytest.mark.parametrize(
    ("word", "time", "time_ns"),
    [
        ("ns", 7, 7),
        ("us", 7, 7_000),
        ("millisecond", 7, 7_000_000),
        ("s", 7, 7 * 10**9),
        ("auto", 4_999_999_999, 4_999_999_999 * 10**9),
        ("auto", 5_000_000_000, 5_000_000_000 * 10**6),
        ("auto", 5 * 10**12, 5 * 10**15),
        ("auto", 5 * 10**15, 5 * 10**15),
    ],
)
def test_timestamps_count_in_the_unit_of_the_request(word: str, time: int, time_ns: int) -> None:
    assert _points(_parse(f"m f=1 {time}", Precision.of(word)))[1][1] == time_ns


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(PrecisionError, match="fortnight"):
        Precision.of("fortnight")


def test_a_time_outside_64_bits_is_set_aside_and_the_rest_kept() -> None:
    text = "".join(f"m f={n} {time}\n" for n, time in enumerate((1, 2, 9223372037, 3, 99)))
    parsed = _parse(text, Precision.SECOND)
    assert [each.position for each in parsed.refused] == [3]
    assert [point[3][0][2] for _, point in sorted(_points(parsed).items())] == [0, 1, 3, 4]


_NAMES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1
).filter(lambda name: not name.startswith("#") and name == name.strip())
_FIELDS: Any = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda v: (repr(v), "float", v)),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: (f"{v}i", "integer", v)),
    st.integers(0, 2**64 - 1).map(lambda v: (f"{v}u", "unsigned", v)),
    st.booleans().map(lambda v: (str(v).lower(), "boolean", v)),
    st.text(st.characters(exclude_categories=["Cs"])).map(
        lambda v: ('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"', "string", v)
    ),
)


def _escaped(name: str, characters: str) -> str:
    for character in "\\" + characters:
        name = name.replace(character, "\\" + character)
    return name


@st.composite
def _lines(draw: st.DrawFn) -> tuple[str, Point]:
    measurement = draw(_NAMES)
    names = draw(st.lists(_NAMES, min_size=2, max_size=5, unique=True))
    split = draw(st.integers(0, len(names) - 1))
    tags = tuple((name, draw(_NAMES)) for name in names[:split])
    fields = [(name, *draw(_FIELDS)) for name in names[split:]]
    time = draw(st.integers(-(2**62), 2**62))
    text = _escaped(measurement, ", ")
    text += "".join(f",{_escaped(name, ',= ')}={_escaped(value, ',= ')}" for name, value in tags)
    text += " " + ",".join(f"{_escaped(name, ',= ')}={written}" for name, written, *_ in fields)
    values = tuple((name, kind, value) for name, _, kind, value in fields)
    return f"{text} {time}", (measurement, time, tags, values)


@given(st.lists(_lines(), max_size=6), st.integers(1, 3))
def test_what_was_written_is_read_back(lines: list[tuple[str, Point]], times: int) -> None:
    lines = lines * times  # repeated lines go through the fast parser
    parsed = _parse("\n".join(text for text, _ in lines))
    assert parsed.refused == ()
    assert [point for _, point in sorted(_points(parsed).items())] == [point for _, point in lines]


_LIKELY = st.text(
    st.sampled_from(list('m,=f "\\\n\t#it-+.eu0123456789T\r\xe9')), min_size=1, max_size=60
)


@given(_LIKELY, st.sampled_from(list(Precision)))
@example("m f=1 1\nm f=2 2\nm f=3. 3\nm f=1e400 4", Precision.NANOSECOND)
def test_the_fast_parser_agrees_with_the_strict_one(text: str, precision: Precision) -> None:
    lines = [line for line in text.split("\n") if '"' not in line]
    body = "\n".join([*lines, *lines, *lines])
    together = _parse(body, precision)
    apart: dict[int, Point] = {}
    refused: dict[int, str] = {}
    for number, line in enumerate([*lines] * 3, 1):
        alone = _parse(line, precision)
        apart.update((number, point) for point in _points(alone).values())
        refused.update((number, each.reason) for each in alone.refused)
    assert _points(together) == apart
    assert {each.position: each.reason for each in together.refused} == refused


@given(st.text() | _LIKELY)
def test_no_text_breaks_the_parser_and_every_line_is_accounted_for(text: str) -> None:
    parsed = _parse(text)
    points = _points(parsed)
    assert parsed.lines == len(points) + len(parsed.refused)
    assert not points.keys() & {each.position for each in parsed.refused}
    assert all(
        math.isfinite(value) for *_, fields in points.values() for _, kind, value in fields
        if kind == "float"
    )  # fmt: skip
    originals = original_lines(text, {each.position for each in parsed.refused})
    assert len(originals) == len(parsed.refused)
