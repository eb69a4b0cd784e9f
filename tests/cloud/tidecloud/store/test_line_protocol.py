"""Line protocol says what the rows say, whatever is in them."""

import math

from hypothesis import given
from hypothesis import strategies as st

from tests.cloud.tidecloud.store.servers import parse_line, split_lines
from tidecloud import LedgerEntry, Rows
from tidecloud.store.line_protocol import ledger_line, lines_of

FIRST_NS = 1_780_000_000_000_000_000
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
KINDS = (
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.booleans(),
    TEXTS,
)


@st.composite
def rows_with_gaps(draw: st.DrawFn) -> Rows:
    samples = draw(st.integers(1, 8))
    fields = {
        name: draw(
            st.one_of(
                *(st.lists(st.none() | kind, min_size=samples, max_size=samples) for kind in KINDS)
            )
        )
        for name in draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    }
    fields["always"] = list(range(samples))
    times_ns = [FIRST_NS + number * 1_000_000 for number in range(samples)]
    return Rows("pump:1", "a-site", "pump", times_ns, fields)


@given(rows_with_gaps())
def test_lines_read_back_as_the_rows_they_came_from(rows: Rows) -> None:
    lines = list(split_lines("\n".join(lines_of(rows))))
    assert len(lines) == len(rows.times_ns)
    for number, line in enumerate(lines):
        table, tags, fields, time_ns = parse_line(line)
        assert table == "pump"
        assert tags == {"site": "a-site", "thing": "pump:1"}
        assert time_ns == rows.times_ns[number]
        expected = {
            name: values[number]
            for name, values in rows.fields.items()
            if values[number] is not None
        }
        assert fields == expected
        assert {name: type(value) for name, value in fields.items()} == {
            name: type(value) for name, value in expected.items()
        }


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_keeps_its_last_bit(value: float) -> None:
    (line,) = lines_of(Rows("t", "s", "m", [1], {"x": [value]}))
    read = parse_line(line)[2]["x"]
    assert math.copysign(1, read) == math.copysign(1, value)
    assert read == value


def test_readings_that_repeat_are_written_like_others() -> None:
    values = [21.5, None, 21.5, 22.25] * 20
    for column in (values, values[:1] * 80, [0.0, -0.0] * 40, [True] * 80, [7] * 80, ['"'] * 80):
        lines = lines_of(Rows("t", "s", "m", range(80), {"x": column, "n": range(80)}))
        read = [parse_line(line)[2].get("x") for line in lines]
        assert list(map(repr, read)) == list(map(repr, column))


def test_tags_are_escaped() -> None:
    (line,) = lines_of(Rows("a,b", "c d=e%s", "m", [1], {"100%": [1], "b": [None]}))
    assert line == r"m,site=c\ d\=e%s,thing=a\,b 100%=1i 1"
    (line,) = lines_of(Rows("a,b", "c d=e%s", "m", [1], {"100%": [1]}))
    assert line == r"m,site=c\ d\=e%s,thing=a\,b 100%=1i 1"


def test_a_ledger_line_has_the_contracts_columns() -> None:
    entry = LedgerEntry("board-1", "climate", 2, 7, 1_000, 60, 1, 2, 59_000, 60_000, 60_100)
    assert ledger_line(entry) == (
        "tidegauge_ledger,boot=2,measurement=climate,sequence=7,thing=board-1 "
        "samples=60i,samples_empty=1i,values_not_finite=2i,"
        "last_time_ms=59000i,received_at_ms=60000i,stored_at_ms=60100i 1000"
    )
