"""Refuse settings for a board that it would refuse itself, before it hears of them. Pure."""

from typing import Any

from tidectl.errors import TidectlError
from tidectl.settings_file import parsed
from tidenode import drivers
from tidenode.control.settings import FROZEN, settled
from tidenode.errors import ConfigError


def check(thing: str, in_force: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise TidectlError where `thing` would refuse `wanted` beside the settings `in_force`.

    Without those there is nothing to go by.
    """
    if not in_force:
        return
    try:
        merged = settled(in_force, _without_nulls(wanted), lambda *_: None, drivers.options_of)
        parsed({key: merged[key] for key in merged.keys() - set(FROZEN)}, "config.json")
    except ConfigError as error:
        why = "; ".join(error.mistakes)
    except TidectlError as error:
        why = str(error)
    else:
        return
    raise TidectlError(
        f"{thing} would refuse it: {why}", "nothing was sent; --force sends it all the same"
    )


def _without_nulls(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what a shadow tells a board of `wanted`: a null takes a wish back, and is not told."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in wanted.items()
        if value is not None
    }
