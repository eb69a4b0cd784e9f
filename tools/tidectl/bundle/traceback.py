"""Say in a board's tracebacks where in the sources they point.

A board tells lines of modules that hold many, and short names of functions. Lines stay what they
are within each module, so the place of a line is known from the checkout of the program.
"""

import ast
import re

from tidectl.bundle.bundle import Bundle

_FRAME = re.compile(r'File "(tidenode|tidewire)([\w.]*)", line (\d+), in ([\w<>]+)')


def in_sources(text: str, bundle: Bundle) -> str:
    """Return the line `text`, its frame, if it is one, in terms of the sources."""
    return _FRAME.sub(lambda found: _frame(found, bundle), text)


def _frame(found: re.Match[str], bundle: Bundle) -> str:
    name, line, function = found[1] + found[2], int(found[3]), found[4]
    parts = [part for part in bundle.lines if part[0] == name and part[1] <= line]
    if parts:
        _, first, name = max(parts)
        line -= first - 1
    source = bundle.sources.get(name)
    if source is None:
        return found[0]
    return f'File "{bundle.path(name)}.py", line {line}, in {_function(source, line) or function}'


def _function(source: str, line: int) -> str | None:
    """Return the name of the innermost function around `line`."""
    around = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.lineno <= line <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda node: node.lineno).name if around else None
