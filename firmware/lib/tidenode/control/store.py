"""Write the small files of `files`: whole or not at all."""

import errno
import json
import os

from tidenode.control import files


def write(name: str, document: object, root: str = "") -> None:
    """Replace the file. Raises OSError."""
    save(files.path(name, root), json.dumps(document))


def save(target: str, text: str) -> None:
    """Replace the file at `target` by `text`. Raises OSError."""
    folder = target[: target.rindex("/")]
    if folder:
        try:
            os.mkdir(folder)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
    try:
        with open(target + ".new", "w") as file:
            file.write(text)
    except OSError:
        os.remove(target + ".new")  # what there is of it takes room
        raise
    os.rename(target + ".new", target)


def text_of(name: str, root: str = "") -> str:
    """Return what the file holds, nothing where there is none."""
    try:
        with open(files.path(name, root)) as file:
            return file.read()
    except OSError:
        return ""


def exists(name: str, root: str = "") -> bool:
    """Return whether there is the file."""
    try:
        os.stat(files.path(name, root))
    except OSError:
        return False
    return True


def remove(name: str, root: str = "") -> None:
    """Remove the file, if it is there."""
    try:
        os.remove(files.path(name, root))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
