"""Lay the long texts of a module one behind another, so that they are one object in RAM.

MicroPython makes an object of each text that is too long for a name, though its letters stay in
flash. They are messages mostly, of errors that hardly ever come: a slice is soon enough then.
"""

import ast
from collections.abc import Iterator

from tidectl.bundle.edits import Edits
from tidectl.bundle.names import free_names

_NAME_BYTES_MAX = 10  # of what mpy-cross makes a name of, which costs less
_TEXTS_MIN = 3  # fewer save nothing
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def with_one_text(source: str) -> str:
    """Return the module `source` with slices of one text in its functions; its lines stay."""
    tree = ast.parse(source)
    found = {
        node: text
        for function in ast.walk(tree)
        if isinstance(function, _FUNCTION)
        for statement in function.body
        for node, text in _long_texts(statement)
    }
    texts = sorted(set(found.values()), key=lambda text: (-len(text), text))
    if len(texts) < _TEXTS_MIN or ast.get_docstring(tree) is None:  # its line is where it goes
        return source
    whole = ""
    for text in texts:
        whole += "" if text in whole else text
    name, edits = next(free_names(source)), Edits(source)
    for node, text in found.items():
        start = whole.index(text)
        edits.replace(node, f"{name}[{start}:{start + len(text)}]")
    return f"{name} = {whole!r}; {edits.text()}"


def _long_texts(node: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, str) and value.isascii() and len(value) > _NAME_BYTES_MAX:
            yield node, value
    elif not _is_left_alone(node):
        for field, value in ast.iter_fields(node):
            if field not in {"annotation", "returns"}:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from _long_texts(child)


def _is_left_alone(node: ast.AST) -> bool:
    """Return whether `node` is compiled as a whole: a docstring, an f-string, a constant tuple."""
    if isinstance(node, ast.Tuple):
        return all(isinstance(one, ast.Constant) for one in node.elts)
    inner = node.value if isinstance(node, ast.Expr) else node
    # A function within this one is found by itself.
    return isinstance(inner, ast.Constant | ast.JoinedStr | _FUNCTION)
