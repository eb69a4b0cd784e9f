"""Read InfluxDB line protocol: every line, strictly, and fast where lines look alike.

    measurement[,tag=value...] field=value[,field=value...] [timestamp]

A line is parsed by hand (`line.py`); from its second like on, the lines that look like it
are matched by one regular expression and turned into columns together (`line_shape.py`). A
line that is wrong is set aside with its number and the reason.
Source: InfluxDB line protocol reference; values as InfluxDB 3 types them.
"""

from dataclasses import dataclass

from tidelocal.timeseries.line import LineError, line_end, parse_line
from tidelocal.timeseries.line_shape import LineRun, shape_of
from tidelocal.timeseries.points import Points, Refused
from tidelocal.timeseries.precision import Precision

_RECENT_MAX = 8  # shapes tried on a line before it is parsed by hand


@dataclass(frozen=True, slots=True)
class ParsedLines:
    """`lines` counts those that hold a point, or should."""

    points: tuple[Points, ...]
    refused: tuple[Refused, ...]
    lines: int


def parse_lines(text: str, precision: Precision, now_ns: int) -> ParsedLines:
    """Positions of points and of refusals are line numbers, from 1.

    A line without a timestamp gets `now_ns`. Never raises for what `text` holds.
    """
    runs: dict[object, LineRun] = {}
    recent: list[LineRun] = []  # the last used first
    refused: list[Refused] = []
    at, number, lines, end = 0, 1, 0, len(text)
    while at < end:
        for place, run in enumerate(recent):
            stop, number_after = run.take(text, at, number)
            if stop > at:
                lines += number_after - number
                at, number = stop, number_after
                if place:
                    recent.insert(0, recent.pop(place))
                break
        else:
            stop = line_end(text, at)
            content = text[at:stop].strip(" \t\r")
            if content and not content.startswith("#"):
                lines += 1
                try:
                    line = parse_line(content)
                except LineError as error:
                    refused.append(Refused(number, str(error)))
                else:
                    run = runs.setdefault(shape_of(line), LineRun(line))
                    run.add(line, number)
                    if run in recent:
                        recent.remove(run)
                    recent.insert(0, run)
                    del recent[_RECENT_MAX:]
            number += 1 + text.count("\n", at, stop)
            at = stop + 1
    points = [run.points(precision, now_ns, refused) for run in runs.values()]
    refused.sort(key=lambda each: each.position)
    return ParsedLines(tuple(each for each in points if each), tuple(refused), lines)


def original_lines(text: str, numbers: set[int]) -> dict[int, str]:
    """The lines of `text` with these numbers, as they were sent."""
    found: dict[int, str] = {}
    at, number = 0, 1
    while at < len(text) and len(found) < len(numbers):
        stop = line_end(text, at)
        if number in numbers:
            found[number] = text[at:stop]
        number += 1 + text.count("\n", at, stop)
        at = stop + 1
    return found
