"""tidewire's encoder with the gateway's writer of blocks in place of the board's.

It is the same code, run a second time as a module of its own: a parameter for the writer would
cost every board heap that it does not have.
"""

from collections.abc import Callable
from importlib.util import find_spec, module_from_spec
from typing import Any

from tidegate.quick_packer import quick_pack
from tidewire import Batch


def _encoder() -> Callable[[Batch], bytes]:
    spec = find_spec("tidewire.encoder")
    if spec is None or spec.loader is None:
        raise ImportError("tidewire is not installed")
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.pack = quick_pack
    encode: Callable[[Batch], bytes] = module.encode
    return encode


quick_encode = _encoder()  # as `tidewire.encode`: same errors, same limits, other blocks
