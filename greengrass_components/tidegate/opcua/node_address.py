"""What a tag of an OPC UA server names: a node by its id. Pure, without the library."""

import re

_PATTERN = re.compile(
    r"(?:ns=(?P<index>\d{1,5});|nsu=(?P<uri>[^;]+);)?"
    r"(?:i=\d{1,10}|s=.{1,4096}|g=[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|b=[A-Za-z0-9+/=]+)"
)


def check_address(text: str) -> str:
    """Return what is wrong with a node's id, "" for nothing."""
    if _PATTERN.fullmatch(text):
        return ""
    return f"{text!r} is no node id, as in ns=2;s=tank.level_m or nsu=urn:plant;i=42"
