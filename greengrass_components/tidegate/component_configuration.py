"""A component's configuration: from the nucleus that started it, or from a file.

Read by sub-trees, since a nucleus lite's answer is limited to 10,000 bytes. Values are texts or of
their type, as the nucleus has them.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tidegate.carried_map import PARTS_MAX
from tidegate.errors import GateError
from tidegate.ipc import IpcClient, OperationError
from tidegate.ipc.client import SOCKET_VARIABLE

PARTS = "_parts"  # so end the names of what is kept in parts


def has_nucleus() -> bool:
    """Whether a nucleus started this process."""
    return bool(os.environ.get(SOCKET_VARIABLE))


async def from_nucleus(client: IpcClient, names: Iterable[str] | None) -> dict[str, Any]:
    """Return those of `names` that are set, or all at once; raises `IpcError`."""
    if names is None:
        return dict(await client.configuration() or {})
    found: dict[str, Any] = {}
    for name in names:
        try:
            value = await client.configuration([name])
        except OperationError as error:
            if error.kind == "ServiceError" and name.endswith(PARTS):  # too much for one message
                found[name] = await _parts(client, name)
                continue
            if error.kind != "ResourceNotFoundError":
                raise
            continue
        # A scalar comes as a map of its own name.
        is_scalar = isinstance(value, Mapping) and list(value) == [name]
        found[name] = value[name] if is_scalar and not isinstance(value[name], Mapping) else value
    return found


async def _parts(client: IpcClient, name: str) -> dict[str, Any]:
    """Return a value in parts, `{"count": n, "0": ..., ...}`, read one by one."""
    found = {"count": (await client.configuration([name, "count"]))["count"]}
    try:
        count = int(float(found["count"]))
    except (TypeError, ValueError, OverflowError):
        return found  # its reader says what is wrong with it
    for key in map(str, range(min(count, PARTS_MAX))):
        found[key] = (await client.configuration([name, key]))[key]
    return found


def from_file(path: Path) -> dict[str, Any]:
    """Return the map in a YAML or JSON file; raises `GateError`."""
    # Megabytes that a component with a nucleus does not need.
    from tidegate.yaml_lines import YamlError, load  # noqa: PLC0415

    try:
        value = load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(f"{path} can't be read: {error}") from error
    except YamlError as error:
        raise GateError(f"{path}:{error.line}: {error}") from error
    if not isinstance(value, Mapping):
        raise GateError(f"{path} is no map of settings")
    return dict(value)
