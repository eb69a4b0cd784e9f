"""Check the section `wifi` of the configuration beyond its types. Loaded where there is one."""

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Section = Callable[..., "dict[str, Any]"]

NETWORKS_MAX = 8
POWER_SAVES = ("none", "min", "max")
NETMASK = "255.255.255.0"
ADDRESSES = ("address", "netmask", "gateway", "dns")

Network = namedtuple("Network", ("ssid", "password", "address", "netmask", "gateway", "dns"))
Wifi = namedtuple("Wifi", ("timeout_ms", "country", "hostname", "power_save", "networks"))


def wifi_of(
    values: "dict[str, Any]", document: "Any", spec: "Any", section: "Section", mistakes: list[str]
) -> Wifi:
    """Return the settings; `values` are those of the section's own keys, `spec` is that of a
    network, and `section` reads one as `tidenode.config` does.
    """
    known = values["power_save"]
    if known is not None and known not in POWER_SAVES:
        mistakes.append("wifi.power_save: must be none, min or max, not '%s'" % known)
    if isinstance(document, dict):
        if "networks" in document:
            found = _networks(document, spec, section, mistakes)
        else:
            if "ssid" not in document:
                mistakes.append("wifi.ssid: is missing")
            found = [Network(values["ssid"], values["password"], None, None, None, None)]
    else:
        found = []
    return Wifi(values["timeout_ms"], values["country"], values["hostname"], known, tuple(found))


def is_address(text: str) -> bool:
    """Return whether `text` is an IPv4 address."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.isdigit() and len(part) <= 3 and int(part) <= 255 for part in parts
    )


def _networks(
    document: "dict[str, Any]", spec: "Any", section: "Section", mistakes: list[str]
) -> "list[Network]":
    for key in ("ssid", "password"):
        if key in document:
            mistakes.append("wifi.%s: stands in wifi.networks, or there are no networks" % key)
    entries = document["networks"]
    if not isinstance(entries, list) or not 1 <= len(entries) <= NETWORKS_MAX:
        mistakes.append("wifi.networks: must be a list of 1 to %d" % NETWORKS_MAX)
        return []
    found: list[Network] = []
    for number, entry in enumerate(entries):
        path = "wifi.networks[%d]." % number
        values = section(entry, path, spec, mistakes)
        if values["ssid"] is not None and values["ssid"] in [one.ssid for one in found]:
            mistakes.append("%sssid: is there twice" % path)
        _check_addresses(values, path, mistakes)
        found.append(Network(*[values[key] for key, *_ in spec]))
    return found


def _check_addresses(values: "dict[str, Any]", path: str, mistakes: list[str]) -> None:
    for key in ADDRESSES:
        if values[key] is not None and not is_address(values[key]):
            mistakes.append("%s%s: must be an IPv4 address" % (path, key))
    if values["address"] is None:
        for key in ADDRESSES[1:]:
            if values[key] is not None:
                mistakes.append("%s%s: is of no use without an address" % (path, key))
        return
    values["netmask"] = values["netmask"] or NETMASK
    if values["gateway"] is None:
        mistakes.append("%sgateway: is missing beside an address" % path)
    values["dns"] = values["dns"] or values["gateway"]
