"""Say what a board's program is laid into: which modules become one, and what nobody wants."""

import ast
from collections.abc import Container, Mapping
from dataclasses import dataclass

from tidectl.bundle.module import Module

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
FOR_DRIVERS = ("tidenode.edge_counter", "tidenode.i2c_chip")
DRIVERS = "tidenode.drivers"


@dataclass(frozen=True, slots=True)
class Layout:
    """`modules` are those wanted, by name; `homes` what some of them become part of.

    The names of `homes` are in the order of import, in which they are laid.
    """

    modules: Mapping[str, Module]
    homes: Mapping[str, str]

    def home(self, name: str) -> str:
        """Return the module of a board that has the module `name`."""
        return self.homes.get(name, name)


def laid_out(modules: Mapping[str, Module]) -> Layout:
    """Return the layout of `modules`, copies among them."""
    homes = _homes(modules)
    return Layout({name: modules[name] for name in _wanted(modules, list(homes))}, homes)


def copies(home: str, names: Container[str]) -> dict[str, str]:
    """Return the names of the copies that are laid into `home`, by those of their modules."""
    laid = LAID.get(home, ()) if home in names else ()
    return {name: _COPY % (name, home) for name in laid if name in names}


def _homes(modules: Mapping[str, Module]) -> dict[str, str]:
    """Return what modules become part of, in order of import: RESIDENT, SENSING, one of LAID.

    Resident is what the start imports and does not forget, and what a forgotten one imports.
    """
    laid = {copy: home for home in LAID for copy in copies(home, modules).values()}
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
