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
from collections.abc import Mapping
from dataclasses import dataclass

from tidectl.bundle.errors import BundleError
from tidectl.bundle.layout import (
    DRIVERS,
    ERRORS,
    FOR_DRIVERS,
    LAID,
    RESIDENT,
    SENSING,
    Layout,
    copies,
    laid_out,
)
from tidectl.bundle.module import Module
from tidectl.bundle.names import names_in
from tidectl.bundle.one_text import with_one_text
from tidectl.bundle.rewriter import Rewriter
from tidectl.bundle.symbols import Symbols


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
            name: Module(name, text, names, copies(name, names)) for name, text in texts.items()
        }
        modules |= {
            copy: Module(copy, texts[name], names, laid)
            for home in LAID
            for laid in [copies(home, names)]
            for name, copy in laid.items()
        }
    except SyntaxError as error:
        raise BundleError(f"line {error.lineno}: {error.msg}") from error
    try:
        made, lines = _made(laid_out(modules), foreign)
    except ValueError as error:
        raise BundleError(str(error)) from error
    held = _held(made)
    made = {name: with_one_text(text, held.get(name)) for name, text in made.items()}
    return Bundle(made, dict(texts), packages, lines)


def _made(
    layout: Layout, foreign: frozenset[str]
) -> tuple[dict[str, str], tuple[tuple[str, int, str], ...]]:
    modules, homes = layout.modules, layout.homes
    rewriter = Rewriter(layout, Symbols(layout, foreign))
    texts = {
        name: rewriter.rewritten(module) for name, module in modules.items() if name not in homes
    }
    lines: list[tuple[str, int, str]] = []
    for home in dict.fromkeys((RESIDENT, *homes.values())):
        whole = ""
        for name in [one for one in homes if homes[one] == home]:
            lines.append((home, whole.count("\n") + 1, name.split(" of ")[0]))
            whole += rewriter.rewritten(modules[name]).rstrip("\n") + "\n"
        if home in texts:  # what is laid into a module stands in front of it
            lines.append((home, whole.count("\n") + 1, home))
        texts[home] = whole + texts.get(home, "")
    if ERRORS in homes:
        errors = ", ".join(modules[ERRORS].definitions)
        texts[ERRORS] = f"from {RESIDENT} import {errors}\n"
    return texts, tuple(lines)


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
        if name not in (RESIDENT, SENSING, ERRORS, *FOR_DRIVERS)
        and not name.startswith(DRIVERS + ".")
    }
