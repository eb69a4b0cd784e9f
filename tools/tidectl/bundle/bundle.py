"""Make one module of all that stays in a board's memory, and shorten what is left.

Flow: firmware/lib -> [bundle] -> mpy-cross
A module costs an object, a table of its names and code that imports; a name costs a place in
the VM's table of names, for ever. So the modules that stay are laid one behind another into
RESIDENT and SENSING, line by line as they were, without what nobody uses; integers and texts that
never change are folded into the code; names become short ones. Modules that come and go stay
modules, import from these two, and their names become the same few short ones in all of them. What
every start needs, and only that, is laid into one of a few such modules (`LAID`).
"""

import ast
from collections.abc import Container, Mapping
from dataclasses import dataclass

from tidectl.bundle.edits import Edits
from tidectl.bundle.module import Module, Scope, Symbol, constants
from tidectl.bundle.names import (
    attributes_of,
    fields_of,
    foreign_names,
    looked_up_names,
    names_but,
    names_in,
    short_attributes,
    words_in_use,
)
from tidectl.bundle.one_text import with_one_text
from tidectl.bundle.parameters import Parameters
from tidectl.bundle.walk import Quoted, binding, in_f_strings, symbols_in, walk

RESIDENT = "tidenode.resident"
START = "tidenode.app"  # imports all that is resident, and forgets the rest
SENSING = "tidenode.sensing"  # likewise one module, which a board without its sensors never loads
_SENSES = ("tidenode.sampler", "tidenode.batcher", "tidewire.encoder")  # with what they import
# Modules that every start loads, by the one that they are laid into: the import of a module leaves
# three names for ever. Where others import one as well it stays a module, and this is a copy.
LAID = {
    "tidenode.mode": ("tidenode.der", "tidenode.identity"),
    START: (
        "tidenode.boots",
        "tidenode.greeting",
        "tidenode.certificate_date",
        "tidenode.recovery",
        "tidenode.storage",
        "tidenode.streak",
        "tidenode.wall_clock",
    ),
}
_COPY = "%s of %s"  # a copy's name among the modules: module, and what it is laid into
ERRORS = "tidenode.errors"  # also a module of its own, for drivers that a user copies to a board
# What drivers are built on: a user's call their methods by name.
_FOR_DRIVERS = ("tidenode.edge_counter", "tidenode.i2c_chip")
_DRIVERS = "tidenode.drivers"
_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class BundleError(Exception):
    """The modules can't be one: the message says which names are in the way."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """`texts` by name of the module; `packages` are those with modules in them.

    `sources` are what they were made of; `lines`: (module of several, first line, module).
    """

    texts: Mapping[str, str]
    sources: Mapping[str, str]
    packages: frozenset[str]
    lines: tuple[tuple[str, int, str], ...]

    def path(self, name: str) -> str:
        """Return the path of the module `name`, without suffix."""
        return name.replace(".", "/") + ("/__init__" if name in self.packages else "")


def bundled(
    texts: Mapping[str, str], packages: frozenset[str], foreign: frozenset[str] = frozenset()
) -> Bundle:
    """Return the modules of `texts` as a board gets them.

    `texts` are sources by name of module, `packages` the names of those with modules in them;
    `foreign` are names that other programs know the firmware's attributes by.
    Raises BundleError.
    """
    names = frozenset(texts)
    try:
        modules = {
            name: Module(name, text, names, _copies(name, names)) for name, text in texts.items()
        }
        modules |= {
            copy: Module(copy, texts[name], names, copies)
            for home in LAID
            for copies in [_copies(home, names)]
            for name, copy in copies.items()
        }
    except SyntaxError as error:
        raise BundleError(f"line {error.lineno}: {error.msg}") from error
    try:
        made, lines = _Bundler(modules, foreign).bundle()
    except ValueError as error:
        raise BundleError(str(error)) from error
    held = _held(made)
    made = {name: with_one_text(text, held.get(name)) for name, text in made.items()}
    return Bundle(made, dict(texts), packages, lines)


class _Bundler:
    def __init__(self, modules: dict[str, Module], foreign: frozenset[str]) -> None:
        self._homes = _homes(modules)  # of each module that becomes part of one
        self._resident = list(self._homes)
        self._modules = {name: modules[name] for name in _wanted(modules, self._resident)}
        self._quoted = {
            name: looked_up_names(module.tree) for name, module in self._modules.items()
        }
        kept = foreign_names() | foreign | set().union(*self._quoted.values())
        self._open = kept | self._looked_up()
        for name, module in self._modules.items():
            if name not in self._resident:
                kept.update(one for one in module.definitions if not one.startswith("_"))
        for name in _FOR_DRIVERS:
            if name in self._modules:
                attributes = attributes_of(self._modules[name])
                kept.update(one for one in attributes if not one.startswith("_"))
        self._attributes = short_attributes(self._modules, kept)
        self._words = words_in_use(self._modules)
        self._constants = constants(self._modules)
        self._pinned = self._find_pinned()
        for symbol in self._pinned | self._find_markers():
            self._constants.pop(symbol, None)
        self._used = self._find_used()
        self._symbols: dict[Symbol, str] = {}
        self._shorten_resident()
        for name, module in self._modules.items():
            if name not in self._resident:
                self._shorten_own(name, module)
        self._parameters = Parameters(self._modules, self._symbols)
        self._foreign_imports: dict[str, str] = {}
        self._imported: set[str] = set()

    def bundle(self) -> tuple[dict[str, str], tuple[tuple[str, int, str], ...]]:
        texts = {
            name: self._rewritten(module)
            for name, module in self._modules.items()
            if name not in self._resident
        }
        lines: list[tuple[str, int, str]] = []
        for home in dict.fromkeys((RESIDENT, *self._homes.values())):
            whole = ""
            for name in [one for one in self._resident if self._homes[one] == home]:
                lines.append((home, whole.count("\n") + 1, name.split(" of ")[0]))
                whole += self._rewritten(self._modules[name]).rstrip("\n") + "\n"
            if home in texts:  # what is laid into a module stands in front of it
                lines.append((home, whole.count("\n") + 1, home))
            texts[home] = whole + texts.get(home, "")
        if ERRORS in self._resident:
            errors = ", ".join(self._modules[ERRORS].definitions)
            texts[ERRORS] = f"from {RESIDENT} import {errors}\n"
        return texts, tuple(lines)

    def _find_pinned(self) -> set[Symbol]:
        """Return what keeps its name: it stands in a text, is told in a log, or others know it."""
        pinned = set()
        for module in self._modules.values():
            quoted = in_f_strings(module.tree)
            for use in module.uses():
                name = use.node.id if isinstance(use.node, ast.Name) else use.node.attr
                # Run in the body of a class, a short name might be a method's.
                in_class = isinstance(use.scope.node, ast.ClassDef)
                in_class = in_class and use.symbol not in self._constants
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
        if ERRORS in self._resident:
            found.update(Symbol(ERRORS, name) for name in self._modules[ERRORS].definitions)
        for module in self._modules.values():
            for statement in module.tree.body:
                used = set(symbols_in(module, statement))
                defined = _defined(module, statement)
                if module.name in self._resident and defined and _is_droppable(statement):
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
        for name in self._resident:
            for defined in self._modules[name].definitions:
                symbol = Symbol(name, defined)
                if symbol not in self._used or symbol in self._constants:
                    continue
                short = defined if symbol in self._pinned else next(free)
                if owners.setdefault(short, symbol) != symbol:
                    raise BundleError(f"{symbol} and {owners[short]} need other names")
                self._symbols[symbol] = short

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
            *(self._modules[one] for one in self._resident if self._homes[one] == name),
        ]
        symbols = {use.symbol for one in together for use in one.uses() if use.symbol}
        taken = {self._symbols[one] for one in symbols if one in self._symbols}
        free = names_but(self._words | taken)
        for defined in module.definitions:
            symbol = Symbol(name, defined)
            stays = symbol in self._pinned or symbol in self._constants
            if self._is_own(symbol) and not stays and defined not in self._quoted[name]:
                self._symbols[symbol] = next(free)

    def _is_own(self, symbol: Symbol) -> bool:
        """Return whether only modules of this firmware know `symbol`, and by its name."""
        if symbol.name.startswith("_"):
            return not symbol.name.startswith("__")
        return symbol.module not in (*_FOR_DRIVERS, ERRORS) and symbol.name not in self._open

    def _rewritten(self, module: Module) -> str:
        edits = Edits(module.text)
        dropped = [one for one in module.tree.body if self._is_dropped(module, one)]
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
                names = [self._symbols.get(symbol, symbol.name) for symbol in symbols]
                edits.replace(node, f"global {', '.join(names)}")
            elif isinstance(node, ast.Name | ast.Attribute) and not isinstance(node, Quoted):
                self._rewrite_use(module, node, scope, edits)
        return edits.text()

    def _rewrite_call(self, module: Module, node: ast.Call, edits: Edits) -> None:
        for keyword in node.keywords:
            short = self._parameters.short_keyword(keyword)
            if short is None and self._parameters.makes_record(node):
                short = self._attributes[module.name].get(keyword.arg or "")
            if short:
                edits.rename(keyword, keyword.arg or "", short)
        fields = fields_of(node)
        if fields:
            edits.replace(node.args[0], '"namedtuple"')  # a name that the VM has
        for field in fields:
            short = self._attributes[module.name].get(str(field.value))
            if short:
                edits.replace(field, f'"{short}"')

    def _is_dropped(self, module: Module, statement: ast.stmt) -> bool:
        symbols = _defined(module, statement)
        if not symbols or not _is_droppable(statement):
            return False
        if module.name in self._resident:
            return all(one not in self._used or one in self._constants for one in symbols)
        return all(one in self._constants and self._is_own(one) for one in symbols)

    def _rewrite_definition(
        self,
        module: Module,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
        scope: Scope,
        edits: Edits,
    ) -> None:
        short = None
        if scope is module.top:
            short = self._symbols.get(Symbol(module.name, node.name))
        elif isinstance(scope.node, ast.ClassDef):
            short = self._attributes[module.name].get(node.name)
        if short:
            edits.rename_definition(node, short)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                short = self._parameters.short(node, arg.arg)
                if short:
                    edits.rename(arg, arg.arg, short)

    def _rewrite_use(
        self, module: Module, node: ast.Name | ast.Attribute, scope: Scope, edits: Edits
    ) -> None:
        symbol = module.symbol(node, scope)
        if symbol in self._constants and isinstance(node.ctx, ast.Load):
            value = self._constants[symbol]
            shown = repr(value)
            edits.replace(node, f"({shown})" if shown.startswith("-") else shown)
        elif symbol in self._symbols and self._is_visible(symbol, module):
            edits.replace(node, self._symbols[symbol])
        elif symbol in self._symbols:
            if isinstance(node, ast.Attribute):
                edits.rename_attribute(node, self._symbols[symbol])
        elif symbol and symbol.name and symbol.module in self._resident:
            raise BundleError(f"{module.name} uses {symbol}, which is not there")
        elif symbol is None and isinstance(node, ast.Attribute):
            short = self._attributes[module.name].get(node.attr)
            if short:
                edits.rename_attribute(node, short)
        elif symbol is None and isinstance(node, ast.Name):
            short = self._parameters.short(binding(module, node.id, scope), node.id)
            if short:
                edits.replace(node, short)

    def _is_visible(self, symbol: Symbol, module: Module) -> bool:
        """Return whether `module` has `symbol` by its own name: it defines or imports it all."""
        return symbol.module == module.name or symbol.module in self._resident

    def _rewrite_import(
        self, module: Module, node: ast.ImportFrom | ast.Import, scope: Scope, edits: Edits
    ) -> None:
        wanted: dict[str, dict[str, None]] = {}
        rest: list[str] = []
        for alias in node.names:
            bound = alias.asname or alias.name
            symbol = scope.imported.get(bound) if isinstance(node, ast.ImportFrom) else None
            if symbol is None or symbol.module not in self._resident:
                name = self._symbols.get(symbol, alias.name) if symbol else alias.name
                if symbol not in self._constants:
                    rest.append(name if name == bound else f"{name} as {bound}")
            elif self._homes.get(module.name, module.name) != self._homes[symbol.module]:
                names = wanted.setdefault(self._homes[symbol.module], {})
                names |= dict.fromkeys(self._names_used(module, symbol))
        head = f"from {node.module} import " if isinstance(node, ast.ImportFrom) else "import "
        if module.name in self._resident and scope is module.top:
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
        return sorted(self._symbols[one] for one in symbols if one in self._symbols)

    def _is_imported(self, module: Module, head: str, text: str) -> bool:
        """Return whether a module before this one imported the same; remember it if not."""
        bound = f"{self._homes[module.name]} {text.rsplit(' as ', maxsplit=1)[-1]}"
        before = self._foreign_imports.setdefault(bound, head + text)
        if before != head + text:
            raise BundleError(f"`{head}{text}` and `{before}` give one name two meanings")
        if bound in self._imported:
            return True
        self._imported.add(bound)
        return False


def _homes(modules: Mapping[str, Module]) -> dict[str, str]:
    """Return what modules become part of, in order of import: RESIDENT, SENSING, one of LAID.

    Resident is what the start imports and does not forget, and what a forgotten one imports.
    """
    laid = {copy: home for home in LAID for copy in _copies(home, modules).values()}
    forgotten = set(LAID) | {
        f"tidenode.{argument.value}"
        for node in ast.walk(modules[START].tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "forget"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    found: dict[str, str] = {}
    seen: set[str] = set()

    def visit(name: str, home: str) -> None:
        seen.add(name)
        for imported in modules[name].imports():
            if imported not in seen:
                visit(imported, home)
        found[name] = home

    for name in (*laid, *LAID):
        if name in modules and name not in seen:
            visit(name, RESIDENT)
    for name in _SENSES:
        if name in modules and name not in seen:
            visit(name, SENSING)
    homes = {name: home for name, home in found.items() if name not in forgotten | set(laid)}
    return homes | laid


def _copies(home: str, names: Container[str]) -> dict[str, str]:
    """Return the names of the copies that are laid into `home`, by those of their modules."""
    laid = LAID.get(home, ()) if home in names else ()
    return {name: _COPY % (name, home) for name in laid if name in names}


def _held(texts: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return what are names anyway, by module that comes and goes.

    Drivers stay with their sensors, and their texts are for each sample.
    """
    stay = frozenset().union(
        *[names_in(ast.parse(texts[name])) for name in (RESIDENT, SENSING) if name in texts]
    )
    return {
        name: stay
        for name in texts
        if name not in (RESIDENT, SENSING, ERRORS, *_FOR_DRIVERS)
        and not name.startswith(_DRIVERS + ".")
    }


def _wanted(modules: Mapping[str, Module], resident: list[str]) -> list[str]:
    """Return all modules but those of `tidewire`, or of LAID, that nothing here imports."""
    found = set(resident)
    laid = {name for names in LAID.values() for name in names}
    todo = [
        one for one in modules if one.split(".")[0] != "tidewire" and one not in laid
    ] + resident
    while todo:
        name = todo.pop()
        found.add(name)
        for node in ast.walk(modules[name].tree):
            for imported in modules[name].imported_by(node) if isinstance(node, ast.stmt) else ():
                if imported not in found:
                    todo.append(imported)
    return [name for name in modules if name in found]


def _defined(module: Module, statement: ast.stmt) -> set[Symbol]:
    return {
        Symbol(module.name, name)
        for name, statements in module.definitions.items()
        if statement in statements
    }


def _text(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _is_error(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)


def _is_droppable(statement: ast.stmt) -> bool:
    """Return whether running `statement` does no more than define its names."""
    if isinstance(statement, _DEFINITION):
        return True
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return False
    return all(
        isinstance(node.func, ast.Name) and node.func.id in ("namedtuple", "range")
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    )
