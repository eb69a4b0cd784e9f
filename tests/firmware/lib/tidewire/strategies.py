"""Batches as hypothesis draws them: every kind, with nulls, at the edges of the format."""

import string

from hypothesis import strategies as st

from tidewire import BOOLEAN, DECIMAL, FLOAT, INTEGER, TEXT, Batch, Column
from tidewire.limits import COUNTER_MAX, INTEGER_MAX, INTEGER_MIN, TIME_MS_MAX
from tidewire.names import RESERVED_FIELDS

SAMPLES_DRAWN_MAX = 40

places = st.text(string.ascii_letters + string.digits + "_:-", min_size=1, max_size=64)
words = st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True)
measurements = words.filter(lambda name: not name.startswith("tidegauge_"))
fields = words.filter(lambda name: name not in RESERVED_FIELDS)
counters = st.integers(0, COUNTER_MAX)
integers = st.integers(INTEGER_MIN, INTEGER_MAX)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
floats = st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False)


@st.composite
def integer_lists(draw: st.DrawFn, count: int) -> list[int]:
    """Wild integers, or such as sensors give: a grid of `step` about a base."""
    if draw(st.booleans()):
        return draw(st.lists(integers, min_size=count, max_size=count))
    base, step = draw(st.integers(-(10**6), 10**6)), draw(st.integers(1, 1000))
    reach = draw(st.sampled_from([0, 1, 3, 50, 4000]))
    offsets = draw(st.lists(st.integers(-reach, reach), min_size=count, max_size=count))
    return [base + step * offset for offset in offsets]


@st.composite
def columns(draw: st.DrawFn, name: str, count: int) -> Column:
    """A column of `count` values, some of them null."""
    kind = draw(st.sampled_from([INTEGER, DECIMAL, FLOAT, BOOLEAN, TEXT]))
    if kind in (INTEGER, DECIMAL):
        values: list[object] = list(draw(integer_lists(count)))
    else:
        one = {FLOAT: floats, BOOLEAN: st.booleans(), TEXT: texts}[kind]
        values = draw(st.lists(one, min_size=count, max_size=count))
    if draw(st.booleans()):
        gone = draw(st.sets(st.integers(0, count - 1)))
        values = [None if i in gone else value for i, value in enumerate(values)]
    return Column(name, kind, draw(st.integers(0, 18)) if kind == DECIMAL else 0, values)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch that `encode` takes."""
    count = draw(st.integers(1, SAMPLES_DRAWN_MAX))
    times_ms = sorted(draw(st.lists(st.integers(0, TIME_MS_MAX), min_size=count, max_size=count)))
    if draw(st.booleans()):
        times_ms = [1_700_000_000_000 + 1_000 * i for i in range(count)]
    names = draw(st.lists(fields, min_size=1, max_size=4, unique=True))
    return Batch(
        draw(places),
        draw(places),
        draw(measurements),
        draw(counters),
        draw(counters),
        times_ms,
        [draw(columns(name, count)) for name in names],
    )
