"""Fields of a map from the wire: their kinds, bounds and defaults."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Mistakes = list[str]
_URL_CHARACTERS_MAX = 2_048


@dataclass(frozen=True, slots=True)
class Number:
    """An integer from `least` to `most`."""

    least: int
    most: int
    default: int | None = None
    required: bool = False

    def wrong(self, value: object) -> str | None:
        """Say what is wrong with `value`, None if nothing."""
        if isinstance(value, bool) or not isinstance(value, int):
            return "is not an integer"
        if not self.least <= value <= self.most:
            return f"is {value}, not from {self.least} to {self.most}"
        return None


@dataclass(frozen=True, slots=True)
class Text:
    """A text that matches `pattern` as a whole."""

    pattern: re.Pattern[str] = re.compile(r"(?s).{1,2048}")
    default: str | None = None
    required: bool = False

    def wrong(self, value: object) -> str | None:
        """Say what is wrong with `value`, None if nothing."""
        if not isinstance(value, str):
            return "is not a text"
        return None if self.pattern.fullmatch(value) else f"does not match {self.pattern.pattern}"


@dataclass(frozen=True, slots=True)
class Address:
    """An http(s) URL with a host."""

    default: str | None = None
    required: bool = False

    def wrong(self, value: object) -> str | None:
        """Say what is wrong with `value`, None if nothing."""
        return None if isinstance(value, str) and is_http_url(value) else "is no http(s) address"


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    default: bool | None = None
    required: bool = False

    def wrong(self, value: object) -> str | None:
        """Say what is wrong with `value`, None if nothing."""
        return None if isinstance(value, bool) else "is not true or false"


Field = Number | Text | Flag | Address


def is_http_url(text: str) -> bool:
    """Tell whether a connection can be made to `text`."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and text.isascii()
        and text.isprintable()
        and " " not in text
        and len(text) <= _URL_CHARACTERS_MAX
    )


def read_field(wire: Mapping[str, Any], key: str, field: Field, mistakes: Mistakes) -> Any:
    """Return the value of `key` or its default; adds what is wrong to `mistakes`."""
    value = wire.get(key)
    if value is None:
        if field.required:
            mistakes.append(f"{key} is missing")
        return field.default
    if wrong := field.wrong(value):
        mistakes.append(f"{key} {wrong}")
        return field.default
    return value
