"""Write a module as a board gets it: its names short, its constants in place.

Flow: symbols -> [rewriter] -> bundle
"""

import ast

from tidectl.bundle.edits import Edits
from tidectl.bundle.errors import BundleError
from tidectl.bundle.layout import Layout
from tidectl.bundle.module import Module, Scope, Symbol
from tidectl.bundle.names import fields_of
from tidectl.bundle.symbols import Symbols
from tidectl.bundle.walk import Quoted, binding, walk

_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Rewriter:
    """Rewrites the modules of `layout`, each once, in the order in which they are laid."""

    def __init__(self, layout: Layout, symbols: Symbols) -> None:
        self._layout = layout
        self._symbols = symbols
        self._foreign_imports: dict[str, str] = {}
        self._imported: set[str] = set()

    def rewritten(self, module: Module) -> str:
        """Return the source of `module`, as many lines as it had. Raises BundleError."""
        edits = Edits(module.text)
        dropped = [one for one in module.tree.body if self._symbols.is_dropped(module, one)]
        for statement in dropped:
            edits.replace(statement, "pass")
        for node, scope in walk(module, dropped):
            if isinstance(node, ast.ImportFrom | ast.Import):
                self._rewrite_import(module, node, scope, edits)
            elif isinstance(node, _DEFINITION):
                self._rewrite_definition(module, node, scope, edits)
            elif isinstance(node, ast.Call):
                self._rewrite_call(module, node, edits)
            elif isinstance(node, ast.Global):
                symbols = [Symbol(module.name, name) for name in node.names]
                names = [self._symbols.short.get(symbol, symbol.name) for symbol in symbols]
                edits.replace(node, f"global {', '.join(names)}")
            elif isinstance(node, ast.Name | ast.Attribute) and not isinstance(node, Quoted):
                self._rewrite_use(module, node, scope, edits)
        return edits.text()

    def _rewrite_call(self, module: Module, node: ast.Call, edits: Edits) -> None:
        for keyword in node.keywords:
            short = self._symbols.parameters.short_keyword(keyword)
            if short is None and self._symbols.parameters.makes_record(node):
                short = self._symbols.attributes[module.name].get(keyword.arg or "")
            if short:
                edits.rename(keyword, keyword.arg or "", short)
        fields = fields_of(node)
        if fields:
            edits.replace(node.args[0], '"namedtuple"')  # a name that the VM has
        for field in fields:
            short = self._symbols.attributes[module.name].get(str(field.value))
            if short:
                edits.replace(field, f'"{short}"')

    def _rewrite_definition(
        self,
        module: Module,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        scope: Scope,
        edits: Edits,
    ) -> None:
        short = None
        if scope is module.top:
            short = self._symbols.short.get(Symbol(module.name, node.name))
        elif isinstance(scope.node, ast.ClassDef):
            short = self._symbols.attributes[module.name].get(node.name)
        if short:
            edits.rename_definition(node, short)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                short = self._symbols.parameters.short(node, arg.arg)
                if short:
                    edits.rename(arg, arg.arg, short)

    def _rewrite_use(
        self, module: Module, node: ast.Name | ast.Attribute, scope: Scope, edits: Edits
    ) -> None:
        symbol = module.symbol(node, scope)
        if symbol in self._symbols.constants and isinstance(node.ctx, ast.Load):
            value = self._symbols.constants[symbol]
            shown = repr(value)
            edits.replace(node, f"({shown})" if shown.startswith("-") else shown)
        elif symbol in self._symbols.short and self._is_visible(symbol, module):
            edits.replace(node, self._symbols.short[symbol])
        elif symbol in self._symbols.short:
            if isinstance(node, ast.Attribute):
                edits.rename_attribute(node, self._symbols.short[symbol])
        elif symbol and symbol.name and symbol.module in self._layout.homes:
            raise BundleError(f"{module.name} uses {symbol}, which is not there")
        elif symbol is None and isinstance(node, ast.Attribute):
            short = self._symbols.attributes[module.name].get(node.attr)
            if short:
                edits.rename_attribute(node, short)
        elif symbol is None and isinstance(node, ast.Name):
            short = self._symbols.parameters.short(binding(module, node.id, scope), node.id)
            if short:
                edits.replace(node, short)

    def _is_visible(self, symbol: Symbol, module: Module) -> bool:
        """Return whether `module` has `symbol` by its own name: it defines or imports it all."""
        return symbol.module == module.name or symbol.module in self._layout.homes

    def _rewrite_import(
        self, module: Module, node: ast.ImportFrom | ast.Import, scope: Scope, edits: Edits
    ) -> None:
        wanted: dict[str, dict[str, None]] = {}
        rest: list[str] = []
        for alias in node.names:
            bound = alias.asname or alias.name
            symbol = scope.imported.get(bound) if isinstance(node, ast.ImportFrom) else None
            if symbol is None or symbol.module not in self._layout.homes:
                name = self._symbols.short.get(symbol, alias.name) if symbol else alias.name
                if symbol not in self._symbols.constants:
                    rest.append(name if name == bound else f"{name} as {bound}")
            elif self._layout.home(module.name) != self._layout.homes[symbol.module]:
                names = wanted.setdefault(self._layout.homes[symbol.module], {})
                names |= dict.fromkeys(self._names_used(module, symbol))
        head = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
        if module.name in self._layout.homes and scope is module.top:
            rest = [one for one in rest if not self._is_imported(module, head, one)]
        as_they_are = [_text(alias) for alias in node.names]
        if rest != as_they_are:
            parts = [
                f"from {home} import {', '.join(names)}" for home, names in wanted.items() if names
            ]
            if rest:
                parts.append(head + ", ".join(rest))
            edits.replace(node, "; ".join(parts) or "pass")

    def _names_used(self, module: Module, imported: Symbol) -> list[str]:
        """Return what `module` needs of a symbol that it imports, or of a whole module."""
        symbols = {imported}
        if not imported.name:
            symbols = {use.symbol for use in module.uses() if use.symbol}
            symbols = {one for one in symbols if one.module == imported.module}
        return sorted(self._symbols.short[one] for one in symbols if one in self._symbols.short)

    def _is_imported(self, module: Module, head: str, text: str) -> bool:
        """Return whether a module before this one imported the same; remember it if not."""
        bound = f"{self._layout.homes[module.name]} {text.rsplit(' as ', maxsplit=1)[-1]}"
        before = self._foreign_imports.setdefault(bound, head + text)
        if before != head + text:
            raise BundleError(f"`{head}{text}` and `{before}` give one name two meanings")
        if bound in self._imported:
            return True
        self._imported.add(bound)
        return False


def _text(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name
