"""Which details of a job AWS takes from a device, where MiniStack takes more.

Pure. AWS documents them under "JobExecutionStatusDetails": who learns only there that a line
break is refused has a job that never ends.
"""

import re
import unicodedata
from typing import Any

KEY_CHARACTERS_MAX = 128
VALUE_CHARACTERS_MAX = 1024
_KEY = re.compile(r"[a-zA-Z0-9:_-]+")


def mistake(details: dict[str, Any]) -> str:
    """Return why `details`, texts that are not empty, are refused; nothing where they are not."""
    for key, value in details.items():
        if len(key) > KEY_CHARACTERS_MAX or not _KEY.fullmatch(key):
            return (
                f"statusDetails: the key {key[:KEY_CHARACTERS_MAX]!r} does not match {_KEY.pattern}"
            )
        if len(value) > VALUE_CHARACTERS_MAX:
            return (
                f"statusDetails: {key} has {len(value)} characters, {VALUE_CHARACTERS_MAX} at most"
            )
        if any(unicodedata.category(character).startswith("C") for character in value):
            return f"statusDetails: {key} has characters of control"
    return ""
