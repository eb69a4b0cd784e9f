"""Take the settings that the shadow `config` wants, to be tried at the next start."""

import hashlib
import json
from binascii import hexlify

from tidenode.control import files, settings, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.control.dispatcher import Control


def take(control: "Control", payload: "bytes | None", root: str = "") -> bool:
    """Keep what a delta wants; return whether the board has to restart to try it.

    What was refused before is not tried again until somebody sets it again: the metadata say
    when. Raises ValueError and OSError.
    """
    if payload is None:
        control.warn("the wanted settings are too long")
        return False
    document = json.loads(payload)
    if not isinstance(document, dict) or not isinstance(document.get("version"), int):
        raise ValueError("no delta")
    state = document.get("state")
    text = settings.canonical([state, document.get("metadata")])
    digest = hexlify(hashlib.sha256(text.encode()).digest()).decode()
    for name in ("refused", "applied"):
        known = files.read(name, root)
        if isinstance(known, dict) and known.get("digest") == digest:
            return False
    store.remove("last", root)
    store.write("wanted", {"version": document["version"], "digest": digest, "state": state}, root)
    return True
