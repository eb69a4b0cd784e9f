"""Lay the texts of a module one behind another, so that they are one object in RAM.

MicroPython makes an object of each text that is too long for a name, though its letters stay in
flash. They are messages mostly, of errors that hardly ever come: a slice is soon enough then.
A short text becomes a name, which a VM never forgets. In a module that comes and goes it is a
slice too: a text like any other, which goes with the module.
"""

import ast
from collections.abc import Iterator

from tidectl.bundle.edits import Edits
from tidectl.bundle.names import free_names, names_in

_NAME_BYTES_MAX = 10  # of what mpy-cross makes a name of, which costs less
_TEXTS_MIN = 3  # long ones: fewer save nothing
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def with_one_text(source: str, held: frozenset[str] | None = None) -> str:
    """Return the module `source` with slices of one text in its functions; its lines stay.

    `held` is for a module that comes and goes: what a VM has as names anyway. The module's other
    short texts become slices, in its tables too.
    """
    tree = ast.parse(source)
    if ast.get_docstring(tree) is None:  # its line is where the text goes
        return source
    inner = [
        node
        for function in ast.walk(tree)
        if isinstance(function, _FUNCTION)
        for statement in function.body
        for node in _texts(statement)
    ]
    found = {node: text for node, text in inner if len(text) > _NAME_BYTES_MAX}
    if len(set(found.values())) < _TEXTS_MIN:
        found = {}
    if held is not None:
        outer = [node for statement in tree.body for node in _texts(statement)]
        names = held | names_in(tree)
        for node, text in inner + outer:
            if 0 < len(text) <= _NAME_BYTES_MAX and text not in names:
                found[node] = text
    if not found:
        return source
    whole = ""
    for text in sorted(set(found.values()), key=lambda text: (-len(text), text)):
        whole += "" if text in whole else text
    whole = whole.ljust(_NAME_BYTES_MAX + 1)  # else it is a name itself
    name, edits = next(free_names(source)), Edits(source)
    for node, text in found.items():
        start = whole.index(text)
        edits.replace(node, f"{name}[{start}:{start + len(text)}]")
    return f"{name} = {whole!r}; {edits.text()}"


def _texts(node: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value.isascii():
            yield node, node.value
    elif not _is_left_alone(node):
        for field, value in ast.iter_fields(node):
            if field not in {"annotation", "returns"}:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from _texts(child)


def _is_left_alone(node: ast.AST) -> bool:
    """Return whether `node` is compiled as a whole, or not at all.

    That is a docstring, an f-string, a constant tuple, whose texts are no names, what is for the
    type checker. A function within this one is found by itself; the VM makes names of all that
    namedtuple is told.
    """
    if isinstance(node, ast.Tuple):
        return all(isinstance(one, ast.Constant) for one in node.elts)
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Constant)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "namedtuple"
    inner = node.value if isinstance(node, ast.Expr) else node
    return isinstance(inner, ast.Constant | ast.JoinedStr | _FUNCTION)
