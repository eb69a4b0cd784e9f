"""Read a file with a board's configuration, as an operator writes it."""

import json
from pathlib import Path
from typing import Any

from tidectl.errors import TidectlError


def read_settings(path: Path) -> dict[str, Any]:
    """Return what the file holds; raises `TidectlError`."""
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise TidectlError(f"{path} is not JSON: {error}", "see firmware/README.md") from error
    if not isinstance(document, dict):
        raise TidectlError(f"{path} must hold a JSON object", "see firmware/README.md")
    return document
