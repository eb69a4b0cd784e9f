"""Read what the page sends, check it, and lay it into the configuration. Pure."""

from collections import namedtuple

from tidewire.errors import WireError
from tidewire.names import check_site, check_thing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NETWORKS_MAX = 8
SSID_BYTES_MAX = 32
_FIELDS_MAX = 12

# network: {"ssid", "password"}; names: {"thing", "site"} or {}; insists: whether not to try it.
Wish = namedtuple("Wish", ("network", "names", "insists"))


def token_of(random: bytes) -> str:
    """Return a text that only our own page knows."""
    return "".join(["%02x" % byte for byte in random])


def fields_of(body: bytes) -> "dict[str, str]":
    """Return the fields of an `application/x-www-form-urlencoded` body. Raises ValueError."""
    fields: dict[str, str] = {}
    for pair in body.split(b"&", _FIELDS_MAX):
        name, _, value = pair.partition(b"=")
        fields[_unquoted(name)] = _unquoted(value)
    return fields


def wish_of(fields: "dict[str, str]", nameless: bool) -> "tuple[Wish | None, list[str]]":
    """Return what is wished, or None and every mistake in it, as a person is told."""
    mistakes = []
    ssid = fields.get("ssid") or fields.get("other", "")
    if not 1 <= len(ssid.encode()) <= SSID_BYTES_MAX or _has_control(ssid):
        mistakes.append("Choose a network, or type its name.")
    password = fields.get("password", "")
    if password and (not 8 <= len(password.encode()) <= 64 or _has_control(password)):
        mistakes.append("A Wi-Fi password has 8 characters at least.")
    names = {}
    if nameless:
        for key, check in (("thing", check_thing), ("site", check_site)):
            names[key] = fields.get(key, "")
            try:
                check(names[key])
            except WireError:
                mistakes.append(
                    "The %s name takes letters, digits, _ and -, 64 at most."
                    % ("board's" if key == "thing" else "site's")
                )
    if mistakes:
        return None, mistakes
    return Wish({"ssid": ssid, "password": password}, names, fields.get("insist") == "1"), []


def merged(document: "dict[str, Any]", wish: Wish) -> "dict[str, Any]":
    """Return `document` with the wish in it: its network first, those known before behind it."""
    made = dict(document)
    made.update(wish.names)
    wifi = document.get("wifi")
    wifi = dict(wifi) if isinstance(wifi, dict) else {}
    known = wifi.get("networks")
    if not isinstance(known, list):
        known = [wifi] if "ssid" in wifi else []
    first = dict(wish.network)
    others = []
    for entry in known:
        if not isinstance(entry, dict):
            continue
        one = {key: entry[key] for key in entry if key in _OF_NETWORK}
        if one.get("ssid") == first["ssid"]:
            one.update(first)  # a fixed address stays
            first = one
        else:
            others.append(one)
    for key in ("ssid", "password"):
        wifi.pop(key, None)
    wifi["networks"] = [first] + others[: NETWORKS_MAX - 1]
    made["wifi"] = wifi
    return made


_OF_NETWORK = ("ssid", "password", "address", "netmask", "gateway", "dns")


def _has_control(text: str) -> bool:
    return any(ord(character) < 32 or ord(character) == 127 for character in text)


def _unquoted(text: bytes) -> str:
    parts = text.replace(b"+", b" ").split(b"%")
    made = bytearray(parts[0])
    for part in parts[1:]:
        if len(part) < 2 or part[:2].strip(b"0123456789abcdefABCDEF"):
            raise ValueError("a percent sign that is no escape")
        made.append(int(part[:2], 16))
        made.extend(part[2:])
    return bytes(made).decode()
