"""Whether a text can be written into a tag. Pure."""

from collections.abc import Mapping
from typing import Any

from tidegate.ethernetip.errors import EthernetIpError

_SHORT_STRING_CHARACTERS = 255  # of a Micro800, as far as its length byte tells


def check_text(field: str, text: str, facts: Mapping[str, Any]) -> None:
    """Raise `EthernetIpError` for what pycomm3 would cut, or refuse without a reason.

    `facts` are those of the list of tags, none for a tag that is not in it.
    """
    kind = facts.get("data_type_name") or "not in the list of tags"
    characters_max = _characters_max(facts.get("data_type"))
    if not characters_max:
        raise EthernetIpError(f"{field} is {kind}: it takes no text")
    if len(text) > characters_max:
        raise EthernetIpError(f"{field}: {len(text)} characters, and {kind} has {characters_max}")
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise EthernetIpError(f"{field}: {kind} has no character {text[error.start]!r}") from error


def _characters_max(data_type: Any) -> int:
    """Return how many characters a type has room for, 0 for one that is no text."""
    if isinstance(data_type, Mapping):
        return int(data_type.get("string", 0))
    return _SHORT_STRING_CHARACTERS if data_type == "SHORT_STRING" else 0
