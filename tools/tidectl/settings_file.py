"""Read a file with a board's configuration, as an operator writes it: all mistakes at once."""

import json
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError
from tidectl.thing import SETTLED
from tidenode import config as node_config
from tidenode import drivers
from tidenode.errors import ConfigError

_HINT = "see firmware/README.md, Configuration"
_SETTLED_ELSEWHERE = {"thing": "board", "site": "site", "broker": {"host": "broker"}}


def read_settings(path: Path) -> dict[str, Any]:
    """Return what the file holds, of a form that a board takes; raises `TidectlError`.

    What provisioning sets is not for it to hold, and left to provisioning to refuse.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise TidectlError(f"{path} can't be read: {error.strerror}", _HINT) from error
    except ValueError as error:
        raise TidectlError(f"{path} is not JSON: {error}", _HINT) from error
    if not isinstance(document, dict):
        raise TidectlError(f"{path} must hold a JSON object", _HINT)
    if not document.keys() & set(SETTLED):
        parsed(document, str(path))
    return document


def parsed(settings: dict[str, Any], where: str) -> Any:
    """Return `settings` without thing, site and broker as a board has them.

    Raises TidectlError with every mistake, in the name of `where`.
    """
    try:
        return node_config.parse(_SETTLED_ELSEWHERE | settings, drivers.options_of)
    except ConfigError as error:
        raise TidectlError(str(ConfigError(error.mistakes, where)), _HINT) from error
