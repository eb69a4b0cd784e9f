"""Prepare a board that gets its identity by a claim: its key is made on it and never leaves it.

Flow: claim + configuration -> <home>/things/<thing>/ -> board ; serial -> allow-list
The claim is made where there is none yet; template and hook are the stack's.
"""

import json
from collections.abc import Mapping
from typing import Any

from tidecloud.admission import Entry
from tidectl import firmware_image
from tidectl.allow_list import AllowList
from tidectl.claim import ClaimFolder, make_claim
from tidectl.claim_image import claim_files
from tidectl.errors import TidectlError
from tidectl.firmware_image import SIZE_BYTES
from tidectl.home import Home
from tidectl.simulated_board import save_partition
from tidectl.target import Target
from tidectl.thing import (
    CLAIM_FILES,
    DEFAULT_SETTINGS,
    ON_BOARD,
    OUTBOX_BYTES,
    ThingFolder,
    check_names,
    drafted,
    settled_config,
)


def provision_by_claim(
    target: Target,
    home: Home,
    thing: str,
    *,
    claim: str,
    site: str,
    until_ms: int,
    serial: str | None = None,
    settings: Mapping[str, Any] = DEFAULT_SETTINGS,
    image_bytes: int = SIZE_BYTES,
    outbox_bytes: int = OUTBOX_BYTES,
) -> ThingFolder:
    """Return the folder of a board that may become `thing` until then; raises `TidectlError`.

    `serial` is the number that it asks with, else its thing's name. Its flash image, of
    `image_bytes`, has claim and configuration, beside a partition of `outbox_bytes` unless that
    is 0. What a failure leaves is the claim at most.
    """
    serial = thing if serial is None else serial
    check_names(thing, site)
    check_names(serial, site)
    folder = ThingFolder(home.thing_folder(thing))
    if (folder.path / "thing.json").exists():
        raise TidectlError(
            f"{thing} exists already in {folder.path}",
            f"for other settings: tidectl config replace {thing} FILE; "
            f"for a new identity made here: tidectl provision {thing} --rotate",
        )
    allow_list = AllowList(target)
    carried = _claim(target, home, claim)
    config = settled_config(target, thing, site, {"serial": serial, **settings})
    config["serial"] = serial
    facts = carried.facts()
    parts = [
        path.read_bytes()
        for path in (carried.certificate_path, carried.key_path, carried.root_path)
    ]
    known = {name: facts[name] for name in ("target", "region", "broker", "template")}
    document = known | {
        "site": site,
        "claim": claim,
        "serial": serial,
        "identity": ON_BOARD,
        "certificate_id": None,
        "certificate_arn": None,
    }
    files = {
        "config.json": json.dumps(config, indent=2).encode() + b"\n",
        CLAIM_FILES[0]: parts[0],
        CLAIM_FILES[1]: parts[1],
        "root.der": parts[2],
        "thing.json": json.dumps(document, indent=2).encode() + b"\n",
    }
    with drafted(home, folder, files) as draft:
        flash = claim_files(config, facts, *parts, update_keys=folder.update_keys())
        image = firmware_image.image_of(flash, image_bytes)
        image_path = draft / folder.image_path.name
        firmware_image.save_image(image_path, image)
        if outbox_bytes:
            save_partition(image_path, outbox_bytes)
        allow_list.allow(serial, Entry(thing, site, until_ms))
    return folder


def _claim(target: Target, home: Home, claim: str) -> ClaimFolder:
    """Return the claim, made where there is none."""
    folder = ClaimFolder(home.claim_folder(claim))
    if not folder.path.exists():
        return make_claim(target, home, claim)
    owner = folder.facts()["target"]
    if owner != target.name:
        raise TidectlError(
            f"the claim {claim} belongs to the target {owner}, not {target.name}",
            "name another one: --claim-name",
        )
    return folder
