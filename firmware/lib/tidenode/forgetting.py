"""Let go of modules that have done their part: each is kilobytes of heap."""

import gc
import sys


def forget(*names: str) -> None:
    """Forget the modules `tidenode.<name>`, of which nothing may be called any more.

    They are emptied, since something may still name them.
    """
    for name in names:
        parent, _, own = ("tidenode." + name).rpartition(".")
        module = sys.modules.pop(parent + "." + own, None)
        if module:
            module.__dict__.clear()
        if parent in sys.modules:
            sys.modules[parent].__dict__.pop(own, None)  # which holds its texts, though it is empty
    gc.collect()
