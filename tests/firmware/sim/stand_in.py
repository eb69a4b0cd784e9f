"""Load a stand-in of `firmware/sim`, whose names others have too, without it becoming theirs."""

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from tidectl.firmware_image import FIRMWARE

FOLDER = FIRMWARE / "sim"


def stand_in(name: str) -> ModuleType:
    """Return the module, loaded anew and not left in `sys.modules`, nor what it imports there."""
    spec = spec_from_file_location(f"stand_in_{name}", FOLDER / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    try:
        spec.loader.exec_module(module)
        if name == "machine":  # what it would load later, when these folders are out of sight
            sys.modules[name] = module
            later = vars(import_module("peripherals"))
            vars(module).update({key: later[key] for key in later if key[0] != "_"})
    finally:
        sys.path.remove(str(FOLDER))
        for sibling in set(sys.modules) - before:
            if (FOLDER / f"{sibling}.py").exists():
                del sys.modules[sibling]
    return module
