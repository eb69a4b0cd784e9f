"""Find what each definition is called on a board, and what of it is there at all.

Flow: layout -> [symbols] -> rewriter
"""

import ast

from tidectl.bundle.errors import BundleError
from tidectl.bundle.layout import ERRORS, FOR_DRIVERS, Layout
from tidectl.bundle.module import Module, Symbol, constants
from tidectl.bundle.names import (
    attributes_of,
    foreign_names,
    looked_up_names,
    names_but,
    short_attributes,
    words_in_use,
)
from tidectl.bundle.parameters import Parameters
from tidectl.bundle.walk import in_f_strings, symbols_in, walk


class Symbols:
    """The names of a layout's modules; `foreign` are those that other programs know.

    `short` has what each symbol is called, `constants` the values of those that are folded,
    `attributes` short ones by module, `parameters` those of functions.
    """

    def __init__(self, layout: Layout, foreign: frozenset[str]) -> None:
        self._layout = layout
        self._modules = layout.modules
        self._quoted = {
            name: looked_up_names(module.tree) for name, module in self._modules.items()
        }
        kept = foreign_names() | foreign | set().union(*self._quoted.values())
        self._open = kept | self._looked_up()
        for name, module in self._modules.items():
            if name not in layout.homes:
                kept.update(one for one in module.definitions if not one.startswith("_"))
        for name in FOR_DRIVERS:
            if name in self._modules:
                attributes = attributes_of(self._modules[name])
                kept.update(one for one in attributes if not one.startswith("_"))
        self.attributes = short_attributes(self._modules, kept)
        self._words = words_in_use(self._modules)
        self.constants = constants(self._modules)
        self._pinned = self._find_pinned()
        for symbol in self._pinned | self._find_markers():
            self.constants.pop(symbol, None)
        self._used = self._find_used()
        self.short: dict[Symbol, str] = {}
        self._shorten_resident()
        for name, module in self._modules.items():
            if name not in layout.homes:
                self._shorten_own(name, module)
        self.parameters = Parameters(self._modules, self.short)

    def is_dropped(self, module: Module, statement: ast.stmt) -> bool:
        """Return whether a board does without `statement`, of the outermost level."""
        symbols = _defined(module, statement)
        if not symbols or not _is_droppable(statement):
            return False
        if module.name in self._layout.homes:
            return all(one not in self._used or one in self.constants for one in symbols)
        return all(one in self.constants and self._is_own(one) for one in symbols)

    def _find_pinned(self) -> set[Symbol]:
        """Return what keeps its name: it stands in a text, is told in a log, or others know it."""
        pinned = set()
        for module in self._modules.values():
            quoted = in_f_strings(module.tree)
            for use in module.uses():
                name = use.node.id if isinstance(use.node, ast.Name) else use.node.attr
                # Run in the body of a class, a short name might be a method's.
                in_class = isinstance(use.scope.node, ast.ClassDef)
                in_class = in_class and use.symbol not in self.constants
                if use.symbol and (name in quoted or in_class):
                    pinned.add(use.symbol)
            for name, statements in module.definitions.items():
                if any(isinstance(one, ast.ClassDef) and _is_error(one) for one in statements):
                    pinned.add(Symbol(module.name, name))
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Global):
                    pinned.update(
                        Symbol(module.name, name) for name in node.names if not name.startswith("_")
                    )
        return pinned

    def _find_markers(self) -> set[Symbol]:
        """Return what is told from its equals by `is`: it has to stay one object."""
        markers = set()
        for module in self._modules.values():
            for node, scope in walk(module):
                if isinstance(node, ast.Compare):
                    for operator, operand in zip(node.ops, node.comparators, strict=True):
                        symbol = module.symbol(operand, scope)
                        if symbol and isinstance(operator, ast.Is | ast.IsNot):
                            markers.add(symbol)
        return markers

    def _find_used(self) -> set[Symbol]:
        """Return the symbols that something runs, or changes."""
        uses: dict[Symbol, set[Symbol]] = {}
        found = {
            Symbol(module.name, name)
            for module in self._modules.values()
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Global)
            for name in node.names
        }
        if ERRORS in self._layout.homes:
            found.update(Symbol(ERRORS, name) for name in self._modules[ERRORS].definitions)
        for module in self._modules.values():
            for statement in module.tree.body:
                used = set(symbols_in(module, statement))
                defined = _defined(module, statement)
                if module.name in self._layout.homes and defined and _is_droppable(statement):
                    for symbol in defined:
                        uses.setdefault(symbol, set()).update(used - defined)
                else:
                    found |= used
        todo = list(found)
        while todo:
            for symbol in uses.get(todo.pop(), set()) - found:
                found.add(symbol)
                todo.append(symbol)
        return found

    def _shorten_resident(self) -> None:
        free = names_but(self._words)
        owners: dict[str, Symbol] = {}
        for name in self._layout.homes:
            for defined in self._modules[name].definitions:
                symbol = Symbol(name, defined)
                if symbol not in self._used or symbol in self.constants:
                    continue
                short = defined if symbol in self._pinned else next(free)
                if owners.setdefault(short, symbol) != symbol:
                    raise BundleError(f"{symbol} and {owners[short]} need other names")
                self.short[symbol] = short

    def _looked_up(self) -> set[str]:
        """Return the attributes of what may be a module, though nobody here can tell.

        Likewise the names that a module imports for all of itself: shorter ones gain nothing.
        """
        found = set()
        for module in self._modules.values():
            for node, scope in walk(module):
                if isinstance(node, ast.Attribute) and module.symbol(node, scope) is None:
                    found.add(node.attr)
                elif isinstance(node, ast.ImportFrom) and scope is module.top:
                    found.update(alias.name for alias in node.names)
        return found

    def _shorten_own(self, name: str, module: Module) -> None:
        """Shorten the names of a module that comes and goes, but for those others look up."""
        together = [
            module,
            *(self._modules[one] for one in self._layout.homes if self._layout.homes[one] == name),
        ]
        symbols = {use.symbol for one in together for use in one.uses() if use.symbol}
        taken = {self.short[one] for one in symbols if one in self.short}
        free = names_but(self._words | taken)
        for defined in module.definitions:
            symbol = Symbol(name, defined)
            stays = symbol in self._pinned or symbol in self.constants
            if self._is_own(symbol) and not stays and defined not in self._quoted[name]:
                self.short[symbol] = next(free)

    def _is_own(self, symbol: Symbol) -> bool:
        """Return whether only modules of this firmware know `symbol`, and by its name."""
        if symbol.name.startswith("_"):
            return not symbol.name.startswith("__")
        return symbol.module not in (*FOR_DRIVERS, ERRORS) and symbol.name not in self._open


def _defined(module: Module, statement: ast.stmt) -> set[Symbol]:
    return {
        Symbol(module.name, name)
        for name, statements in module.definitions.items()
        if statement in statements
    }


def _is_error(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)


def _is_droppable(statement: ast.stmt) -> bool:
    """Return whether running `statement` does no more than define its names."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return True
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    return all(
        isinstance(node.func, ast.Name) and node.func.id in ("namedtuple", "range")
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    )
