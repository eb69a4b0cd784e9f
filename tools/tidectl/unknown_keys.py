"""Say what an unknown key of a configuration may have been meant to be. Pure."""

import re
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any

from tidenode import config, drivers, field_options

_UNKNOWN = re.compile(r"(?P<path>(?:.*\.)?)(?P<key>[^.]*): unknown key")
_MEASUREMENT = re.compile(r"measurements\[(\d+)\]\.")
_FIELD = re.compile(r"measurements\[\d+\]\.fields\.[^.]+\.(?P<section>.*)")


def with_guesses(mistakes: Iterable[str], document: Any) -> list[str]:
    """Return `mistakes` of `document`, those about unknown keys with what is most like them."""
    return [_guessed(mistake, document) for mistake in mistakes]


def _guessed(mistake: str, document: Any) -> str:
    found = _UNKNOWN.fullmatch(mistake)
    if not found:
        return mistake
    like = get_close_matches(found["key"], _known(found["path"], document), 1)
    return f"{mistake}, perhaps {like[0]}" if like else mistake


def _known(path: str, document: Any) -> Collection[str]:
    """Return the keys that may stand at `path`."""
    if not path:
        return [*_keys(config.TOP), *(name for name, _ in config.SECTIONS), "measurements"]
    if path.startswith("wifi.networks["):
        return _keys(config.NETWORK)
    if path == "wifi.":
        return [*_keys(config.WIFI), "networks"]
    if field := _FIELD.fullmatch(path):
        sections = dict(field_options.SECTIONS)
        name = field["section"].rstrip(".")
        return (
            _keys(sections[name]) if name in sections else [*_keys(field_options.FIELD), *sections]
        )
    if one := _MEASUREMENT.fullmatch(path):
        return [*_keys(config.MEASUREMENT), "fields", *_options(document, int(one[1]))]
    return _keys(dict(config.SECTIONS).get(path.rstrip("."), ()))


def _options(document: Any, number: int) -> list[str]:
    try:
        return _keys(drivers.options_of(document["measurements"][number]["driver"]))
    except (ImportError, LookupError, TypeError):
        return []


def _keys(spec: Any) -> list[str]:
    return [key for key, *_ in spec]
