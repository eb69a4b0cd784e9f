"""Make a module of the firmware smaller in RAM without changing what it does.

A board's heap holds every name a program uses once, in a table that doubles when it is full.
So private integer constants are folded into the code (MicroPython's `const`), imports for
the type checker go, and private names, which are private to their file, become words that a VM
has anyway. Line numbers stay, so that tracebacks still point at the source.
"""

import ast
import io
import re
import tokenize
from functools import lru_cache
from itertools import count

from tidectl.bundle.names import free_names

_KEPT_MAX = 256  # texts: each start of a simulated board asks for the same stand-ins
_TYPE_CHECKING = re.compile(r"^(?:TYPE_CHECKING = False|(if TYPE_CHECKING:))", re.MULTILINE)
_INTEGER = re.compile(
    r"^(_[A-Z][A-Z0-9_]*) = (-?(?:0x[\dA-Fa-f]+|[\d_]+))(?= *(?:#|$))", re.MULTILINE
)
_FOLDED = re.compile(r"^(_\w+) = const\(", re.MULTILINE)
_PRIVATE = re.compile(r"_[A-Za-z]\w*(?<!__)")


@lru_cache(maxsize=_KEPT_MAX)
def shrunk(text: str) -> str:
    """Return the smaller source of the module `text`."""
    text = _TYPE_CHECKING.sub(lambda found: "if 0:" if found[1] else "", text)
    return _with_short_names(_INTEGER.sub(r"\1 = const(\2)", text))


def _with_short_names(text: str) -> str:
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    quoted = {  # a name within an f-string is out of a tokenizer's sight: leave it alone
        name
        for token in tokens
        if token.type == tokenize.STRING
        for name in _PRIVATE.findall(token.string)
    }
    names = sorted(_defined(text) - quoted)
    # A constant leaves no name behind, if it is private; other names cost nothing if others have
    # them already.
    folded = set(_FOLDED.findall(text))
    numbers = map("_{}".format, count())
    words = (word for word in free_names(text) if not word.startswith("_"))
    short = {name: next(numbers if name in folded else words) for name in names}
    lines = text.splitlines(keepends=True)
    for token in reversed(tokens):
        if token.type == tokenize.NAME and token.string in short:
            row, column = token.start
            line = lines[row - 1]
            lines[row - 1] = line[:column] + short[token.string] + line[token.end[1] :]
    return "".join(lines)


def _defined(text: str) -> set[str]:
    """Return the private names that the module itself makes: those of others keep theirs."""
    names = set()
    module = ast.parse(text)
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    for statement in module.body:
        for node in ast.walk(statement) if isinstance(statement, ast.Assign) else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return {name for name in names if _PRIVATE.fullmatch(name)}
