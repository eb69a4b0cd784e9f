"""Load a stand-in of `firmware/sim`, whose names others have too, without it becoming theirs."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

from tidectl.firmware_image import FIRMWARE


def stand_in(name: str) -> ModuleType:
    """Return the module, loaded anew and not left in `sys.modules`."""
    spec = spec_from_file_location(f"stand_in_{name}", FIRMWARE / "sim" / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
