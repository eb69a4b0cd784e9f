"""JSON documents by account, region and name, kept in one file: a plane's memory.

Bounded: `DOCUMENTS_MAX` of one kind, so that a loop of a script fills no disk.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tidelocal.greengrass.errors import VALIDATION, GreengrassRefusedError
from tidelocal.state_directory import write_whole

DOCUMENTS_MAX = 10_000


class Documents:
    """What is put is on the disk when `put` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._by_scope: dict[str, dict[str, Any]] = {}
        if path.exists():
            self._by_scope = json.loads(path.read_bytes())

    def get(self, account: str, region: str, name: str) -> dict[str, Any] | None:
        """Return a document, or None."""
        found = self._by_scope.get(f"{account}/{region}", {}).get(name)
        return dict(found) if found is not None else None

    def put(self, account: str, region: str, name: str, document: dict[str, Any]) -> None:
        """Keep a document."""
        of_scope = self._by_scope.setdefault(f"{account}/{region}", {})
        if name not in of_scope and len(of_scope) >= DOCUMENTS_MAX:
            raise GreengrassRefusedError(VALIDATION, f"{DOCUMENTS_MAX} are kept at most")
        of_scope[name] = document
        self._save()

    def remove(self, account: str, region: str, name: str) -> bool:
        """Forget a document; false when there was none."""
        gone = self._by_scope.get(f"{account}/{region}", {}).pop(name, None)
        if gone is not None:
            self._save()
        return gone is not None

    def all(self, account: str, region: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield names and documents in the order they came."""
        yield from list(self._by_scope.get(f"{account}/{region}", {}).items())

    def _save(self) -> None:
        write_whole(self._path, json.dumps(self._by_scope).encode())
