"""Small JSON files that are there whole or not at all.

/control/wanted.json    settings to try at the next start: version, digest, state
/control/trial.json     the same, of the start that tries them
/control/applied.json   the same, of those that proved themselves
/control/refused.json   version, digest, mistakes
/control/last.json      the last good configuration, while another one is tried
"""

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDER = "/control"


def read(name: str, root: str = "") -> "Any":
    """Return what the file holds, None where there is none or no JSON in it."""
    try:
        with open(path(name, root)) as file:
            return json.load(file)  # a read of so many bytes would reserve them all
    except (OSError, ValueError):
        return None


def path(name: str, root: str = "") -> str:
    """Return where the file is."""
    return "%s%s/%s.json" % (root, FOLDER, name)
