"""Read a file with a board's configuration, as an operator writes it: all mistakes at once."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidectl import sensor_check, wiring
from tidectl.boards import Board, with_pins
from tidectl.errors import TidectlError
from tidectl.thing import SETTLED
from tidectl.unknown_keys import with_guesses
from tidenode import config as node_config
from tidenode import drivers
from tidenode.errors import ConfigError

PASSWORD_CHARACTERS_MIN = 8  # WPA's
_HINT = "see firmware/README.md, Configuration"
_SETTLED_ELSEWHERE = {"thing": "board", "site": "site", "broker": {"host": "broker"}}


def read_settings(path: Path, board: Board | None = None) -> dict[str, Any]:
    """Return what the file holds, of a form that a board takes; raises `TidectlError`.

    For a `board` its pins are in it, where the file names none. What provisioning sets is not for
    it to hold, and left to provisioning to refuse.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise TidectlError(f"{path} can't be read: {error.strerror}", _HINT) from error
    except ValueError as error:
        raise TidectlError(f"{path} is not JSON: {error}", _HINT) from error
    if not isinstance(document, dict):
        raise TidectlError(f"{path} must hold a JSON object", _HINT)
    settings: dict[str, Any] = with_pins(board, document) if board else document
    if not settings.keys() & set(SETTLED):
        parsed(settings, str(path), board)
    return settings


def parsed(settings: dict[str, Any], where: str, board: Board | None = None) -> Any:
    """Return `settings` without thing, site and broker as a board has them.

    Raises TidectlError with every mistake, in the name of `where`: of the board's own rules, and
    where there is none of those, of what it would find out once it runs.
    """
    found = by_rules(settings, where)
    mistakes = [
        *sensor_check.mistakes(found.measurements),
        *wiring.mistakes(found, settings, board),
        *_short_passwords(settings.get("wifi")),
    ]
    if mistakes:
        raise _refusal(mistakes, where)
    return found


def by_rules(settings: dict[str, Any], where: str) -> Any:
    """Return the same by the board's own rules alone, as of one that runs with them."""
    document = _SETTLED_ELSEWHERE | settings
    try:
        return node_config.parse(document, drivers.options_of)
    except ConfigError as error:
        raise _refusal(with_guesses(error.mistakes, document), where) from error


def _short_passwords(wifi: Any) -> Iterator[str]:
    if not isinstance(wifi, Mapping):
        return  # none, or to be asked for
    networks = {"wifi": wifi}
    networks |= {f"wifi.networks[{n}]": one for n, one in enumerate(wifi.get("networks", ()))}
    for path, network in networks.items():
        if 0 < len(network.get("password", "")) < PASSWORD_CHARACTERS_MIN:
            yield (
                f"{path}.password: WPA takes {PASSWORD_CHARACTERS_MIN} characters at the least; "
                "an open network takes none"
            )


def _refusal(mistakes: list[str], where: str) -> TidectlError:
    return TidectlError(str(ConfigError(mistakes, where)), _HINT)
