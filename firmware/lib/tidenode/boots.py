"""Count the starts of this thing, in the name of an empty file."""

import errno
import os

_END = ".boots"


def count_boot(folder: str) -> int:
    """Return the number of this start, 1 the first time, having made it durable."""
    try:
        os.mkdir(folder)
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
    names = [name for name in os.listdir(folder) if name.endswith(_END)]
    boot = max([0] + [int(name[: -len(_END)]) for name in names]) + 1
    # The new name stands before the old ones go: a cut between leaves two, and the higher counts.
    with open("%s/%d%s" % (folder, boot, _END), "wb"):
        pass
    for name in names:
        os.remove(folder + "/" + name)
    return boot
