"""The files that say who this board is, and how a new identity takes the old one's place.

Flow: claim | rotation -> [identity] -> /cert.der, /key.der -> link

    /cert.der, /key.der   the identity in force, with /root.der
    /new_key.der          a key whose certificate is not in force yet
    /new_request.pem      the signing request of that key
    /provision.json       what the cloud has said about that certificate
    /claim.*, /claim_key.der   what a board without an identity asks for one with
    /rotate.<tries>       somebody wants a new certificate; so many tries are left
    /rotate_why           why the last rotation failed, for who asked for it

The certificate says which key is in force: it is the one whose public half it holds. So its
rename is the only step that changes who the board is, and a cut before or after it leaves a
certificate whose key is there.
"""

import json
import os

from tidenode import der
from tidenode.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROOT = ""  # where the flash is mounted, for tests
CERTIFICATE, KEY, AUTHORITY = "/cert.der", "/key.der", "/root.der"
NEW_KEY, NEW_REQUEST = "/new_key.der", "/new_request.pem"
CLAIM_CERTIFICATE, CLAIM_KEY, CLAIM_FACTS = "/claim.der", "/claim_key.der", "/claim.json"
TRIES_MAX = 4  # starts that a rotation may take: it needs two, and power cuts may end some
FAILURE = "/rotate_why"
_KNOWN = "/provision.json"
_DRAFT = ".draft"  # a file being written; never read
_WISH = "rotate."
_POINT = b"\x03\x42\x00\x04"  # how a key of P-256 begins to tell its public half, at its end
_POINT_BYTES = 68


class IdentityError(ConfigError):
    """The board can't say who it is; `mistakes` names every file that is wrong."""

    def __init__(self, mistakes: "list[str]") -> None:
        super().__init__(mistakes, "identity")


def load_error(certificate: bytes, key: bytes, root: bytes) -> str:
    """Return why TLS can't use these, or nothing."""
    import tls

    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    try:
        context.load_cert_chain(certificate, key)
        context.load_verify_locations(root)
    except ValueError as error:
        return "it can't be loaded: %s" % error
    return ""


def errand(load_error: "Callable[[bytes, bytes, bytes], str]" = load_error) -> str:
    """Return what is to be done before the agent starts: `claim`, `rotation` or nothing.

    Ends first what a power cut left half done. Raises IdentityError, where the board can
    neither connect nor claim.
    """
    settle()
    names = os.listdir(ROOT or "/")
    claim = (CLAIM_CERTIFICATE, CLAIM_KEY, CLAIM_FACTS, AUTHORITY)
    if CERTIFICATE[1:] not in names and not [path for path in claim if path[1:] not in names]:
        return "claim"
    _check(load_error)
    for path in claim[:3]:
        if path[1:] in names:
            _remove(path)
    return "rotation" if [name for name in names if name.startswith(_WISH)] else ""


def settle() -> None:
    """Give the key in force its name, and remove what no step will need again."""
    names = os.listdir(ROOT or "/")
    for name in names:
        if name.endswith(_DRAFT):
            _remove("/" + name)
    if NEW_KEY[1:] in names and CERTIFICATE[1:] in names:
        new_key = read(NEW_KEY)
        if is_pair(read(CERTIFICATE), new_key):
            os.rename(ROOT + NEW_KEY, ROOT + KEY)
            _end_rotation(names)


def become(certificate: bytes) -> None:
    """Put `certificate` and the new key in force, by one rename."""
    write(CERTIFICATE, certificate)
    settle()


def abandon(why: str) -> None:
    """The old identity stays: forget the new one, and that somebody wanted it; keep `why`."""
    settle()  # the flash may have failed us behind the rename, and then the new one is in force
    keep({})
    _remove(NEW_REQUEST)  # before its key: a request of another key would be answered in vain
    _remove(NEW_KEY)
    _end_rotation(os.listdir(ROOT or "/"))
    try:
        write(FAILURE, why.encode())
    except OSError:
        pass  # nothing but the telling depends on it


def is_pair(certificate: bytes, key: bytes) -> bool:
    """Return whether `certificate` is of `key`; True for keys that don't tell, of other kinds."""
    point = key[-_POINT_BYTES:]
    return not point.startswith(_POINT) or point in certificate


def has_request() -> bool:
    """Return whether the key that is not in force yet has a signing request."""
    names = os.listdir(ROOT or "/")
    return NEW_KEY[1:] in names and NEW_REQUEST[1:] in names


def make_request(urandom: "Callable[[int], bytes]", common_name: str) -> None:
    """Make the key that is to be in force next, if there is none, and its signing request."""
    from tidenode import csr, ecdsa

    try:
        key = read(NEW_KEY)
    except OSError:
        key = csr.key_of(ecdsa.new_private(urandom))
        write(NEW_KEY, key)  # before its request exists: no certificate is without its key
    write(NEW_REQUEST, csr.pem_of(csr.request_of(key, common_name)).encode())


def known() -> "dict[str, Any]":
    """Return what the cloud has said about the certificate of the new key."""
    try:
        document: dict[str, Any] = json.loads(read(_KNOWN))
    except (OSError, ValueError):
        return {}
    return document


def keep(document: "dict[str, Any]") -> None:
    """Write down what the cloud has said; nothing removes it."""
    if document:
        write(_KNOWN, json.dumps(document).encode())
    else:
        _remove(_KNOWN)


def want_rotation() -> None:
    """Have the next start ask for a new certificate."""
    _remove(FAILURE)
    with open("%s/%s%d" % (ROOT, _WISH, TRIES_MAX), "wb"):
        pass


def count_try() -> bool:
    """Take one of the tries of the rotation that is wanted; return False where none is left."""
    wishes = sorted([name for name in os.listdir(ROOT or "/") if name.startswith(_WISH)])
    if not wishes or not wishes[0][len(_WISH) :].isdigit() or wishes[0] == _WISH + "0":
        return False
    left = int(wishes[0][len(_WISH) :]) - 1
    os.rename("%s/%s" % (ROOT, wishes[0]), "%s/%s%d" % (ROOT, _WISH, left))
    return True


def read(path: str) -> bytes:
    """Return the file at `path`. Raises OSError."""
    with open(ROOT + path, "rb") as file:
        return file.read()


def write(path: str, data: bytes) -> None:
    """Write the file at `path`, whole or not at all. Raises OSError."""
    with open(ROOT + path + _DRAFT, "wb") as file:
        file.write(data)
    os.rename(ROOT + path + _DRAFT, ROOT + path)


def _end_rotation(names: "list[str]") -> None:
    for name in names:
        if name.startswith(_WISH) or name in (_KNOWN[1:], NEW_REQUEST[1:]):
            _remove("/" + name)


def _check(load_error: "Callable[[bytes, bytes, bytes], str]") -> None:
    mistakes = []
    found = {}
    for path in (CERTIFICATE, KEY, AUTHORITY):
        try:
            found[path] = read(path)
        except OSError:
            mistakes.append("%s is missing" % path)
            continue
        if not der.is_whole(found[path]):
            mistakes.append("%s is no DER, or not all of it" % path)
    if not mistakes and not is_pair(found[CERTIFICATE], found[KEY]):
        mistakes.append("%s is not the key of %s" % (KEY, CERTIFICATE))
    if not mistakes:
        wrong = load_error(found[CERTIFICATE], found[KEY], found[AUTHORITY])
        mistakes = [wrong] if wrong else []
    if mistakes:
        raise IdentityError(mistakes)


def _remove(path: str) -> None:
    try:
        os.remove(ROOT + path)
    except OSError:
        pass  # not there, or a flash that fails: the next start tries again
