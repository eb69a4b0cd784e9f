"""Go through what a module runs, node by node, each with the scope it is in."""

import ast
from collections.abc import Collection, Iterator

from tidectl.bundle.module import Module, Scope, Symbol


class Quoted(ast.Name):
    """A name in an f-string: it is used there, but its place is unknown."""


def walk(module: Module, without: Collection[ast.stmt] = ()) -> Iterator[tuple[ast.AST, Scope]]:
    """Yield the nodes of all statements of the outermost level but those of `without`."""
    for statement in module.tree.body:
        if statement not in without:
            yield from walk_from(module, statement, module.top)


def walk_from(module: Module, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """Yield `node`, which is in `scope`, and all in it."""
    if isinstance(node, ast.JoinedStr):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and module.resolve(inner.id, scope):
                yield Quoted(inner.id, ast.Load()), scope
        return
    yield node, scope
    for child, inside in module.children(node, scope):
        yield from walk_from(module, child, inside)


def symbols_in(module: Module, statement: ast.stmt) -> Iterator[Symbol]:
    """Yield what `statement`, of the outermost level, uses."""
    for node, scope in walk_from(module, statement, module.top):
        symbol = module.symbol(node, scope)
        if symbol and symbol.name:
            yield symbol


def binding(module: Module, name: str, scope: Scope) -> ast.AST | None:
    """Return the function, or the like, whose own `name` is in `scope`."""
    at: Scope | None = scope
    while at is not None and at is not module.top:
        visible = at is scope or not isinstance(at.node, ast.ClassDef)
        if visible and name in at.names:
            return at.node
        at = at.outer
    return None


def in_f_strings(tree: ast.AST) -> set[str]:
    """Return the names that stand in f-strings."""
    return {
        node.id
        for text in ast.walk(tree)
        if isinstance(text, ast.JoinedStr)
        for node in ast.walk(text)
        if isinstance(node, ast.Name)
    }
