"""Run the modules of a bundle on CPython, apart from those of this process.

Annotations are not run, as on MicroPython.
"""

import __future__

import builtins
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any


class Program:
    """Modules of `texts` by name; what they import of each other is loaded on first use."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._modules: dict[str, ModuleType] = {}

    def load(self, name: str) -> Any:
        """Return the module `name`, having run it once."""
        if name not in self._modules:
            module = self._modules[name] = ModuleType(name)
            names = vars(module)
            names["__builtins__"] = {**vars(builtins), "__import__": self._import}
            code = compile(
                self._texts[name], name, "exec", flags=__future__.annotations.compiler_flag
            )
            exec(code, names)  # noqa: S102  texts of tests
        return self._modules[name]

    def _import(
        self,
        name: str,
        globals_: Any = None,
        locals_: Any = None,
        wanted: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        if name not in self._texts and not any(one.startswith(f"{name}.") for one in self._texts):
            return __import__(name, globals_, locals_, wanted, level)
        found = self.load(name) if name in self._texts else ModuleType(name)
        for one in wanted or ():
            if f"{name}.{one}" in self._texts:
                setattr(found, one, self.load(f"{name}.{one}"))
        return found
