"""Which of MiniStack's internal names `tidelocal.host` uses, read from its sources."""

import ast
from pathlib import Path

from tidelocal import host

# What stands for an object of a MiniStack class there, beside the modules.
_OBJECTS = {"self._session": ("iot", "_WSSession"), "worker": ("lambda_runtime", "Worker")}


def used_names() -> set[tuple[str, str]]:
    """Return (module, name) of everything used; a member of a class as `Class.member`."""
    folder = Path(host.__file__).parent
    return set().union(*(_used_in(ast.parse(path.read_text())) for path in folder.glob("*.py")))


def _used_in(tree: ast.Module) -> set[tuple[str, str]]:
    modules = {"ministack.app": "app"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            modules |= _aliases(node, modules)
    used = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        owner = ast.unparse(node.value)
        if owner in modules:
            used.add((modules[owner], node.attr))
        elif owner in _OBJECTS:
            module, kind = _OBJECTS[owner]
            used.add((module, f"{kind}.{node.attr}"))
        elif isinstance(node.value, ast.Attribute):
            outer = ast.unparse(node.value.value)
            if outer in modules and node.value.attr[:1].isupper():
                used.add((modules[outer], f"{node.value.attr}.{node.attr}"))
    return used


def _aliases(node: ast.Assign, modules: dict[str, str]) -> dict[str, str]:
    """Return the names that an assignment gives to a module, as `m["iot"]` or `self._iot`."""
    found = {}
    target = node.targets[0]
    targets = target.elts if isinstance(target, ast.Tuple) else [target]
    values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    for name, value in zip(targets, values, strict=False):
        if isinstance(value, ast.Subscript) and ast.unparse(value.value) == "m":
            found[ast.unparse(name)] = ast.literal_eval(value.slice)
        elif ast.unparse(value) in modules:
            found[ast.unparse(name)] = modules[ast.unparse(value)]
    return found
