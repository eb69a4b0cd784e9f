"""Find the tags of a Logix controller: all that are one plain value, texts included."""

import asyncio

from pycomm3 import LogixDriver
from pycomm3.exceptions import PycommError

from tidegate.browsed import Browsed
from tidegate.ethernetip.errors import EthernetIpDownError
from tidegate.ethernetip.settings import EthernetIpSettings


async def browse(settings: EthernetIpSettings) -> list[Browsed]:
    """Return the controller's tags, then those of its programs; raises `EthernetIpDownError`."""
    return await asyncio.to_thread(_tags, settings)


def _tags(settings: EthernetIpSettings) -> list[Browsed]:
    try:
        with LogixDriver(f"{settings.host}:{settings.port}/{settings.slot}") as driver:
            tags = dict(driver.tags)
    except (PycommError, OSError) as error:
        raise EthernetIpDownError(f"can't read the tags of {settings.host}: {error}") from error
    found = []
    for address, facts in tags.items():
        kind = facts["data_type"]
        is_text = isinstance(kind, dict) and "string" in kind
        if facts["dim"] or not (facts["tag_type"] == "atomic" or is_text):
            continue
        program, _, name = address.removeprefix("Program:").partition(".")
        is_programs = address.startswith("Program:")
        found.append(
            Browsed(
                folder=program if is_programs else "controller",
                name=name if is_programs else address,
                address=address,
                writable=facts.get("external_access") == "Read/Write",
                is_text=is_text,
            )
        )
    return found
