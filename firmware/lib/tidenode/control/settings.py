"""Decide what becomes of settings that the cloud wants. Pure.

They are merged into the configuration in force: objects key by key, all else whole. They pass
the rules of config.json or are refused whole.
"""

import json

from tidenode.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tidenode.config import Options

# What a board is and how it is reached: set by cable. A Wi-Fi password does not belong in the
# cloud; without `control`, asleep or behind its portal nobody could take a change back.
FROZEN = ("thing", "site", "broker", "wifi", "control", "sleep", "portal")
MISTAKES_MAX = 8
MISTAKE_CHARACTERS_MAX = 120


def settled(
    document: "dict[str, Any]",
    state: object,
    parse: "Callable[[object, Options], Any]",
    options_of: "Options",
) -> "dict[str, Any]":
    """Return the configuration `document` with `state` in it. Raises ConfigError."""
    if not isinstance(state, dict):
        raise ConfigError(["must be an object"])
    frozen = [key for key in FROZEN if key in state]
    if frozen:
        raise ConfigError(["%s: can't be changed from afar" % key for key in frozen])
    merged = _merged(document, state)
    parse(merged, options_of)
    return merged


def told(mistakes: "list[str]") -> "list[str]":
    """Return the first of `mistakes`, cut to what a shadow has room for."""
    short = [mistake[:MISTAKE_CHARACTERS_MAX] for mistake in mistakes[:MISTAKES_MAX]]
    if len(mistakes) > MISTAKES_MAX:
        short.append("and %d more" % (len(mistakes) - MISTAKES_MAX))
    return short


def canonical(value: object) -> str:
    """Return JSON that is the same for equal values, whatever the order of their keys."""
    if isinstance(value, dict):
        items = sorted(value.items())
        return "{%s}" % ",".join(["%s:%s" % (json.dumps(k), canonical(v)) for k, v in items])
    if isinstance(value, list):
        return "[%s]" % ",".join([canonical(one) for one in value])
    return json.dumps(value)


def _merged(document: "dict[str, Any]", state: "dict[str, Any]") -> "dict[str, Any]":
    merged = dict(document)
    for key, value in state.items():
        own = merged.get(key)
        if isinstance(value, dict) and isinstance(own, dict):
            merged[key] = _merged(own, value)
        else:
            merged[key] = value
    return merged
