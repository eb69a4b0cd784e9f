"""Give a thing another configuration, by its files here: its identity and its outbox stay.

Flow: configuration -> <home>/things/<thing>/ -> `tidectl sync`, or the simulated board
"""

import json
from collections.abc import Mapping
from typing import Any

from tidectl import firmware_image
from tidectl.errors import TidectlError
from tidectl.firmware_image import FirmwareImageError
from tidectl.simulated_board import image_in_use
from tidectl.thing import ThingFolder, refuse_settled, with_own_clock


def reconfigure(folder: ThingFolder, settings: Mapping[str, Any]) -> None:
    """Make `settings` those of the thing, all but its name, site, broker and serial number.

    The board simulated here gets them at once, with the program as it is now. Raises TidectlError,
    leaving all as it was.
    """
    facts, before = folder.facts(), folder.config_path.read_bytes()
    refuse_settled(settings)
    if image_in_use(folder.image_path):
        raise TidectlError(f"the board of {folder.thing} is running", "end it first")
    config = {
        "thing": folder.thing,
        "site": facts["site"],
        "broker": {key: facts["broker"][key] for key in ("host", "port")},
        **settings,
    }
    if "serial" in facts:  # that its claim is good for
        config["serial"] = facts["serial"]
    if facts["target"] == "local":
        config = with_own_clock(config)
    folder.write("config.json", json.dumps(config, indent=2).encode() + b"\n")
    try:
        if folder.image_path.exists():
            own = folder.identity_on_board
            files = folder.files_beside_identity() if own else folder.files()
            firmware_image.renew_image(folder.image_path, files)
    except (FirmwareImageError, TidectlError) as error:
        folder.write("config.json", before)
        raise TidectlError(str(error), "see firmware/README.md for the keys") from error
