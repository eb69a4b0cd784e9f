"""Give the parameters of functions short names, and the keywords that name them.

MicroPython keeps the names of a function's parameters, for calls by keyword.
"""

import ast
from collections.abc import Mapping
from itertools import islice

from tidectl.bundle.module import Module, Symbol
from tidectl.bundle.names import fields_of, short_names
from tidectl.bundle.walk import in_f_strings, walk, walk_from

_PARAMETERS_MAX = 255  # of a function and those around it; Python's own limit was that
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class Parameters:
    """Short names by function, for all `modules`.

    A keyword is renamed where the called function is known. Of a call whose function isn't,
    a method say, the keywords stay, and all parameters of these names with them.
    """

    def __init__(self, modules: Mapping[str, Module], symbols: Mapping[Symbol, str]) -> None:
        self._modules = modules
        self._symbols = symbols
        self._kept = {"self"}
        self._free = list(islice(short_names(modules), _PARAMETERS_MAX))
        self._called: dict[ast.keyword, ast.AST] = {}
        self._records: set[ast.Call] = set()
        self._short: dict[ast.AST, dict[str, str]] = {}
        for module in modules.values():
            for node, scope in walk(module):
                if isinstance(node, ast.Call) and node.keywords:
                    self._learn(node, module.symbol(node.func, scope))
        for module in modules.values():
            self._shorten(module, module.tree, in_f_strings(module.tree), frozenset())

    def short(self, function: ast.AST | None, name: str) -> str | None:
        """Return what the parameter `name` of `function` becomes; None where it stays."""
        return self._short.get(function, {}).get(name) if function else None

    def short_keyword(self, keyword: ast.keyword) -> str | None:
        """Return what `keyword` of a call becomes; None where it stays."""
        return self.short(self._called.get(keyword), keyword.arg or "")

    def makes_record(self, call: ast.Call) -> bool:
        """Return whether the keywords of `call` are fields of a namedtuple."""
        return call in self._records

    def _learn(self, call: ast.Call, symbol: Symbol | None) -> None:
        function = self._function(symbol)
        if isinstance(function, ast.Call):
            self._records.add(call)
            return
        for keyword in call.keywords:
            if function is None:
                self._kept.add(keyword.arg or "")
            else:
                self._called[keyword] = function

    def _function(self, symbol: Symbol | None) -> ast.AST | None:
        """Return the function that a call of `symbol` runs, or what made it a namedtuple.

        None where that is not known.
        """
        if symbol is None or symbol.module not in self._modules:
            return None
        statements = self._modules[symbol.module].definitions.get(symbol.name, [])
        candidates: list[ast.stmt] = statements
        if len(statements) == 1 and isinstance(statements[0], ast.ClassDef):
            candidates = [
                one
                for one in statements[0].body
                if isinstance(one, _FUNCTION) and one.name == "__init__"
            ]
        only = candidates[0] if len(candidates) == 1 else None
        if isinstance(only, ast.Assign) and fields_of(only.value):
            return only.value
        return only if isinstance(only, _FUNCTION) else None

    def _shorten(
        self, module: Module, node: ast.AST, quoted: set[str], taken: frozenset[str]
    ) -> None:
        if isinstance(node, _FUNCTION):
            stay = self._kept | quoted
            seen = taken | self._globals(module, node)
            for one in ast.walk(node):
                if isinstance(one, ast.Name):
                    seen |= {one.id}
                elif isinstance(one, ast.arg):
                    seen |= {one.arg}
                elif isinstance(one, ast.ExceptHandler) and one.name:
                    stay.add(one.name)
                elif isinstance(one, ast.Nonlocal | ast.Global):
                    stay.update(one.names)
            # Words of a VM may be globals as well: of those that the function uses none is free.
            free = (name for name in self._free if name not in seen | stay)
            own = node.args
            names = [arg.arg for arg in (*own.posonlyargs, *own.args, *own.kwonlyargs)]
            self._short[node] = {name: next(free) for name in names if name not in stay}
            taken |= frozenset(self._short[node].values())
        for child in ast.iter_child_nodes(node):
            self._shorten(module, child, quoted, taken)

    def _globals(self, module: Module, node: ast.AST) -> set[str]:
        """Return the short names of all symbols that stand in `node`, a function."""
        found = {
            module.symbol(one, scope) for one, scope in walk_from(module, node, module.scopes[node])
        }
        return {self._symbols[one] for one in found if one and one in self._symbols}
