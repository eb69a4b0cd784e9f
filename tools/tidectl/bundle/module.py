"""A module of the firmware as the bundler sees it: its tree, and what its names stand for."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import add, lshift, mul, sub
from types import MappingProxyType

_TYPE_CHECKING = re.compile(r"^(?:TYPE_CHECKING = False|if TYPE_CHECKING:)", re.MULTILINE)
_CODE = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_OPERATIONS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
    ast.LShift: lshift,
}
Value = int | str | bytes  # of a constant: what the VM holds once, however often it stands there
_COMPREHENSION = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, slots=True)
class Symbol:
    """What a module defines at its outermost level; `name` "" is the module itself."""

    module: str
    name: str


@dataclass(slots=True)
class Scope:
    """The names of a function, a class, a comprehension or the module itself."""

    node: ast.AST
    outer: "Scope | None"
    names: set[str] = field(default_factory=set)
    global_names: set[str] = field(default_factory=set)
    imported: dict[str, Symbol] = field(default_factory=dict)  # of the firmware itself


@dataclass(frozen=True, slots=True)
class Use:
    """A name in the text: `symbol` is what it stands for, None for a local or foreign one."""

    node: ast.Name | ast.Attribute
    scope: Scope
    symbol: Symbol | None


class Module:
    """The module `name` of the text `text`; `siblings` are all names of modules there are.

    What it imports from a module that is a key of `copies` is that of the copy.
    """

    def __init__(
        self,
        name: str,
        text: str,
        siblings: frozenset[str],
        copies: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.text = _without_type_checking(text)
        self.tree = ast.parse(self.text)
        self.tree.body = [one for one in self.tree.body if not _is_never_run(one)]
        self._siblings = siblings
        self._copies = copies
        self.scopes: dict[ast.AST, Scope] = {}
        self.definitions: dict[str, list[ast.stmt]] = {}  # by name, at the outermost level
        self.top = self._scope(self.tree, None)
        for statement in self.tree.body:
            for bound in _bound(statement):
                self.definitions.setdefault(bound, []).append(statement)

    def imports(self) -> Iterator[str]:
        """Yield the modules of the firmware that are imported when this one is."""
        for statement in self.tree.body:
            yield from self.imported_by(statement)

    def imported_by(self, statement: ast.stmt) -> Iterator[str]:
        """Yield the modules of the firmware that `statement` names."""
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                symbol = self._symbol_of(statement.module, alias.name)
                if symbol:
                    yield symbol.module

    def uses(self) -> Iterator[Use]:
        """Yield every name, and every attribute of a module of the firmware."""
        yield from self._uses(self.tree, self.top)

    def resolve(self, name: str, scope: Scope) -> Symbol | None:
        """Return what `name` stands for in `scope`; None for a local or foreign name."""
        at: Scope | None = self.top if name in scope.global_names else scope
        while at is not None:
            if name in at.imported:
                return at.imported[name]
            if at is self.top:
                return Symbol(self.name, name) if name in self.definitions else None
            visible = at is scope or not isinstance(at.node, ast.ClassDef)
            if visible and name in at.names:
                return None
            at = at.outer
        return None

    def symbol(self, node: ast.AST, scope: Scope) -> Symbol | None:
        """Return what the expression `node` stands for, if that is a symbol."""
        if isinstance(node, ast.Name):
            return self.resolve(node.id, scope)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = self.resolve(node.value.id, scope)
            if owner and not owner.name:
                return Symbol(owner.module, node.attr)
        return None

    def _uses(self, node: ast.AST, scope: Scope) -> Iterator[Use]:
        if isinstance(node, ast.Name | ast.Attribute):
            symbol = self.symbol(node, scope)
            if symbol or isinstance(node, ast.Name):
                yield Use(node, scope, symbol)
                return
        for child, inside in self.children(node, scope):
            yield from self._uses(child, inside)

    def children(self, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
        """Yield the nodes in `node` that are run, each with the scope it is in."""
        inner = self.scopes.get(node, scope)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue  # MicroPython's compiler skips them
            outside = name in ("decorator_list", "bases", "keywords") or value is node
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.arguments):
                    for default in [*child.defaults, *child.kw_defaults]:
                        if default is not None:
                            yield default, scope
                elif isinstance(child, ast.AST):
                    yield child, scope if outside and not isinstance(node, ast.Call) else inner

    def _scope(self, node: ast.AST, outer: Scope | None) -> Scope:
        scope = self.scopes[node] = Scope(node, outer)
        if isinstance(node, _CODE):
            every = node.args
            for arg in [*every.posonlyargs, *every.args, *every.kwonlyargs]:
                scope.names.add(arg.arg)
            for rest in (every.vararg, every.kwarg):
                if rest:
                    scope.names.add(rest.arg)
        for child in _body(node):
            self._fill(child, scope)
        return scope

    def _fill(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            scope.names.add(node.name)
        if isinstance(node, _CODE | ast.ClassDef | _COMPREHENSION):
            self._scope(node, scope)
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            scope.names.add(node.id)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            scope.names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._fill_by_import(node, scope)
        elif isinstance(node, ast.Global):
            scope.global_names.update(node.names)
        for child in ast.iter_child_nodes(node):
            self._fill(child, scope)

    def _fill_by_import(self, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            scope.names.add(name)
            if isinstance(node, ast.ImportFrom):
                symbol = self._symbol_of(node.module or "", alias.name)
                if symbol:
                    scope.imported[name] = symbol

    def _symbol_of(self, module: str, name: str) -> Symbol | None:
        whole = f"{module}.{name}"
        if whole in self._siblings:
            return Symbol(self._copies.get(whole, whole), "")
        return Symbol(self._copies.get(module, module), name) if module in self._siblings else None


def _without_type_checking(text: str) -> str:
    return _TYPE_CHECKING.sub(lambda found: "if 0:" if found[0][0] == "i" else "", text)


def _is_never_run(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test) == "0"


def _body(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Lambda):
        yield node.body
    elif isinstance(node, _COMPREHENSION):
        yield from ast.iter_child_nodes(node)
    else:
        yield from getattr(node, "body", [])


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of the outermost level defines itself."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    yield node.id


def constants(modules: Mapping[str, Module]) -> dict[Symbol, Value]:
    """Return integers and texts that are defined once, at the outermost level, and stay so."""
    found: dict[Symbol, Value] = {}
    for module in modules.values():
        changed = {
            name
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Global)
            for name in node.names
        }
        known: dict[str, Value] = {}
        for name, statements in module.definitions.items():
            if len(statements) == 1 and name not in changed:
                value = _value(name, statements[0], known)
                if value is not None:
                    found[Symbol(module.name, name)] = known[name] = value
    return found


def _value(name: str, statement: ast.stmt, known: Mapping[str, Value]) -> Value | None:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1 or not statement.value:
        return None
    target, value = statement.targets[0], statement.value
    if isinstance(target, ast.Name):
        return _folded(value, known)
    if not isinstance(target, ast.Tuple):
        return None
    position = [isinstance(one, ast.Name) and one.id == name for one in target.elts].index(True)
    if isinstance(value, ast.Tuple):
        return _folded(value.elts[position], known)
    if ast.unparse(value) == f"range({len(target.elts)})":
        return position
    return None


def _folded(node: ast.expr, known: Mapping[str, Value]) -> Value | None:
    """Return the value of `node`: a text, arithmetic of integers, or a sum of texts.

    `known` are the constants before it.
    """
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Constant):
        value = node.value
        return value if isinstance(value, str | bytes) or type(value) is int else None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        operand = _folded(node.operand, known)
        return -operand if isinstance(operand, int) else None
    if isinstance(node, ast.BinOp):
        left, right = _folded(node.left, known), _folded(node.right, known)
        if isinstance(left, int) and isinstance(right, int):
            operation = _OPERATIONS.get(type(node.op))
            return operation(left, right) if operation else None
        if isinstance(left, str) and isinstance(right, str) and isinstance(node.op, ast.Add):
            return left + right
    return None
