"""Find out whether a key that lies on the board has signed a digest.

    <folder>/<name>.p256    an uncompressed point of P-256
    <folder>/<name>.rsa     a modulus of 2,048 bits or more, big-endian

The arithmetic is loaded for it and let go again.
"""

import gc
import os
import sys

KEYS_MAX = 8  # each costs a verification, which takes an ESP32 a second or two
_KEY_BYTES_MAX = 512


def signed(digest: bytes, signature: bytes, folder: str) -> bool:
    """Return whether `signature` is of the SHA-256 `digest` by one of the keys in `folder`.

    False where there is no key: then every update is refused.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return False
    return any(_signed_by(folder + "/" + name, digest, signature) for name in names[:KEYS_MAX])


def _signed_by(path: str, digest: bytes, signature: bytes) -> bool:
    if path.endswith(".rsa"):
        from tidenode.update import rsa as arithmetic

        name = "tidenode.update.rsa"
    elif path.endswith(".p256"):
        from tidenode import p256 as arithmetic  # type: ignore[no-redef]  # one name, two modules

        name = "tidenode.p256"
    else:
        return False
    try:
        with open(path, "rb") as file:
            key = file.read(_KEY_BYTES_MAX)
        return arithmetic.verify(key, signature, digest)
    finally:
        sys.modules.pop(name, None)
        del arithmetic
        gc.collect()
