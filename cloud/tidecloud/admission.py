"""Who asks for an identity, and what it may become. Pure.

Flow: IoT provisioning -> [admission] -> parameters of the template
The client id is what the policies let a certificate connect as, so it is proved: a claim connects
as `claim.<serial>`, a thing as itself. AWS documents the event under "Pre-provisioning hooks".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidecloud.errors import AdmissionError
from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

CLAIM_PREFIX = "claim."  # no thing's name has a dot


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the allow-list: what the board of one serial number may become, and until when."""

    thing: str
    site: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Asker:
    """A client of the broker; `serial` is None when it is a thing already."""

    client: str
    serial: str | None
    parameters: Mapping[str, Any]


def asker_of(event: Mapping[str, Any]) -> Asker:
    """Read the hook's event; raises `AdmissionError`."""
    client, parameters = event.get("clientId"), event.get("parameters")
    if not isinstance(client, str) or not isinstance(parameters, Mapping):
        raise AdmissionError("the event names no client or no parameters")
    if not client.startswith(CLAIM_PREFIX):
        return Asker(_checked("ThingName", client), None, parameters)
    serial = _checked("SerialNumber", client.removeprefix(CLAIM_PREFIX))
    if parameters.get("SerialNumber") != serial:
        raise AdmissionError(f"it came as {client} and asks as {parameters.get('SerialNumber')!r}")
    return Asker(client, serial, parameters)


def decide(asker: Asker, entry: Entry | None, now_ms: int) -> dict[str, str]:
    """Return the parameters of the template, settled; raises `AdmissionError`."""
    asked = asker.parameters.get("ThingName")
    if asker.serial is None:
        if asked != asker.client:
            raise AdmissionError(f"a thing renews its own certificate, not that of {asked!r}")
        return {
            "ThingName": asker.client,
            "SerialNumber": _checked("SerialNumber", asker.parameters.get("SerialNumber")),
            "Site": _checked("Site", asker.parameters.get("Site")),
        }
    if entry is None:
        raise AdmissionError(f"the serial number {asker.serial} is not on the allow-list")
    if now_ms > entry.until_ms:
        raise AdmissionError(f"the serial number {asker.serial} was allowed until {entry.until_ms}")
    if asked not in (None, "", entry.thing):
        raise AdmissionError(f"{asker.serial} may become {entry.thing}, not {asked!r}")
    return {"ThingName": entry.thing, "SerialNumber": asker.serial, "Site": entry.site}


def _checked(what: str, name: object) -> str:
    try:
        return check_site(name) if what == "Site" else check_thing(name)
    except WireError as error:
        raise AdmissionError(f"{what}: {error}") from error
