"""The flash image of a board that has no identity yet, and a claim to ask for one with.

Flow: claim's folder -> [image] -> board -> thing
All boards of a claim may have the same image: what tells them apart is the serial number, which
is the chip's own where the configuration names none.
"""

import json
from collections.abc import Mapping
from typing import Any

from tidectl.firmware_image import SIZE_BYTES, image_files, image_of

_UNCLAIMED = {"thing": "unclaimed", "site": "unclaimed"}  # for the check; the cloud decides
_MOVED = {"/cert.der": "/claim.der", "/key.der": "/claim_key.der"}


def build_claim_image(
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    certificate_der: bytes,
    key_der: bytes,
    root_der: bytes,
    *,
    size_bytes: int = SIZE_BYTES,
    update_keys: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return a fresh flash image of a board that is to claim. Raises FirmwareImageError.

    It holds `claim_files` of the same arguments.
    """
    parts = (certificate_der, key_der, root_der)
    return image_of(claim_files(config, facts, *parts, update_keys=update_keys), size_bytes)


def claim_files(
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    certificate_der: bytes,
    key_der: bytes,
    root_der: bytes,
    *,
    update_keys: Mapping[str, bytes] | None = None,
) -> dict[str, bytes]:
    """Return the files of a board that is to claim, by path. Raises FirmwareImageError.

    `config` has the broker of `facts`, which are those of claim.json, where it names none;
    certificate, key and root are the claim's. A thing that it names is what the board will
    insist on; its site is what the cloud says. `update_keys` as `image_files` takes them.
    """
    settings = {"broker": facts["broker"], **config}
    parts = (certificate_der, key_der, root_der)
    files = image_files(settings | _UNCLAIMED, *parts, update_keys=update_keys)
    files = {_MOVED.get(path, path): data for path, data in files.items()}
    files["/config.json"] = json.dumps(settings, indent=1).encode()
    wanted = {name: facts[name] for name in ("broker", "template")}
    claim = {"/claim.json": json.dumps(wanted, indent=1).encode()}
    return claim | files
