"""Make a module of the firmware smaller in RAM without changing what it does.

A board's heap holds every name a program uses once, in a table that doubles when it is full.
So private integer constants are folded into the code (MicroPython's `const`), imports for
the type checker go, and private names, which are private to their file, become words that a VM
has anyway; so do parameters that nobody calls by name. Line numbers stay, so that tracebacks still
point at the source.
"""

import ast
import io
import re
import tokenize
from functools import lru_cache
from itertools import count, takewhile

from tidectl.bundle.edits import Edits
from tidectl.bundle.module import Module
from tidectl.bundle.names import free_names
from tidectl.bundle.parameters import Parameters
from tidectl.bundle.walk import binding, walk

_KEPT_MAX = 256  # texts: each start of a simulated board asks for the same stand-ins
_TYPE_CHECKING = re.compile(r"^(?:TYPE_CHECKING = False|(if TYPE_CHECKING:))", re.MULTILINE)
_INTEGER = re.compile(
    r"^(_[A-Z][A-Z0-9_]*) = (-?(?:0x[\dA-Fa-f]+|[\d_]+))(?= *(?:#|$))", re.MULTILINE
)
_FOLDED = re.compile(r"^(_\w+) = const\(", re.MULTILINE)
_KEYWORD = re.compile(r"\b([A-Za-z]\w*)=(?!=)")
_PRIVATE = re.compile(r"_[A-Za-z]\w*(?<!__)")


@lru_cache(maxsize=_KEPT_MAX)
def shrunk(text: str) -> str:
    """Return the smaller source of the module `text`."""
    text = _TYPE_CHECKING.sub(lambda found: "if 0:" if found[1] else "", text)
    return _with_short_names(_INTEGER.sub(r"\1 = const(\2)", text))


def keywords_in(text: str) -> frozenset[str]:
    """Return the names by which calls in the source `text` may name parameters."""
    return frozenset(_KEYWORD.findall(text))


@lru_cache(maxsize=_KEPT_MAX)
def with_short_parameters(text: str, called: frozenset[str]) -> str:
    """Return the module `text` with other names for its functions' parameters.

    Those with a default stay, those that are given by name only, and those `called` somewhere.
    """
    module = Module("", text, frozenset())
    parameters, edits = Parameters({"": module}, {}), Edits(module.text)
    short: dict[tuple[ast.AST, str], str] = {}
    for node, _ in walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            positional = [*node.args.posonlyargs, *node.args.args]
            for arg in positional[: len(positional) - len(node.args.defaults)]:
                new = parameters.short(node, arg.arg)
                if new and arg.arg not in called:
                    short[node, arg.arg] = new
                    edits.rename(arg, arg.arg, new)
    for node, scope in walk(module):
        if isinstance(node, ast.Name):
            owner = binding(module, node.id, scope)
            if owner and (owner, node.id) in short:
                edits.replace(node, short[owner, node.id])
    return edits.text()


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
    words = iter(sorted(takewhile(lambda word: word[0] != "_", free_names(text)), key=len))
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
