"""The configuration of one component: values with the time they were set at.

Flow: recipe's defaults < deployment (reset, merge) < UpdateConfiguration -> [configuration]
A list is one value, as an empty object is. Who listens hears the path of each value that changes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.nucleus.errors import ConfigurationError, ConfigurationMissingError

Path = tuple[str, ...]
Changed = Callable[[Path], None]

DEFAULT_AT_MS = 1  # any value set by anybody is newer than a recipe's default


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value, and when it was set."""

    value: Any
    at_ms: int


class Configuration:
    """A tree of values; `value_bytes_max` is the longest JSON of one of them."""

    def __init__(
        self, defaults: Mapping[str, Any] | None = None, *, value_bytes_max: int | None = None
    ) -> None:
        self._leaves: dict[Path, Leaf] = {}
        self._defaults: dict[Path, Any] = {}
        self._listeners: list[tuple[Path, Changed]] = []
        self._value_bytes_max = value_bytes_max
        self.set_defaults(defaults or {})

    # ---- reading ----

    def value(self, path: Sequence[str] = ()) -> Any:
        """Return an object, or the bare value at `path`; raises `ConfigurationMissingError`."""
        at = tuple(path)
        if at in self._leaves:
            return self._leaves[at].value
        below = {key: leaf for key, leaf in self._leaves.items() if key[: len(at)] == at}
        if not below and at:
            raise ConfigurationMissingError(f"there is no configuration at /{'/'.join(at)}")
        tree: dict[str, Any] = {}
        for key, leaf in below.items():
            branch = tree
            for part in key[len(at) : -1]:
                branch = branch.setdefault(part, {})
            branch[key[-1]] = leaf.value
        return tree

    def as_ipc(self, path: Sequence[str] = ()) -> Any:
        """Return what GetConfiguration answers: a scalar comes as `{last key: value}`."""
        value = self.value(path)
        return {path[-1]: value} if path and tuple(path) in self._leaves else value

    def has(self, path: Sequence[str]) -> bool:
        """Return whether there is a value at or below `path`."""
        at = tuple(path)
        return not at or any(key[: len(at)] == at for key in self._leaves)

    # ---- changing ----

    def set_defaults(self, defaults: Mapping[str, Any]) -> None:
        """Take a recipe's defaults: they fill in what nobody has set."""
        flat = dict(_flatten(defaults))
        self._check(flat)
        self._defaults = flat
        for path, value in flat.items():
            if self._leaf_above(path) is None and not self.has(path):
                self._put(path, value, DEFAULT_AT_MS)

    def merge(self, value: Mapping[str, Any], path: Sequence[str] = (), *, at_ms: int) -> int:
        """Merge `value` at `path` and return how many values changed.

        What is older than the present value is ignored, as a nucleus does it.
        """
        at = tuple(path)
        if at in self._leaves and set(value) == {at[-1]}:
            at = at[:-1]  # the SDK names a scalar by its own key
        flat = {at + key: leaf for key, leaf in _flatten(value)}
        self._check(flat)
        return sum(self._put(key, leaf, at_ms) for key, leaf in flat.items())

    def reset(self, pointer: str) -> None:
        """Give what is at a JSON pointer back its default, or remove it; "" is everything."""
        at = parse_pointer(pointer)
        for key in [key for key in self._leaves if key[: len(at)] == at]:
            if key not in self._defaults:
                del self._leaves[key]
                self._tell(key)
        for key, value in self._defaults.items():
            if key[: len(at)] == at:
                self._put(key, value, DEFAULT_AT_MS, anyway=True)

    # ---- listening ----

    def listen(self, path: Sequence[str], changed: Changed) -> Callable[[], None]:
        """Tell the path of each value at or below `path` that changes, until cancelled."""
        if not self.has(path):
            raise ConfigurationMissingError(f"there is no configuration at /{'/'.join(path)}")
        entry = (tuple(path), changed)
        self._listeners.append(entry)

        def cancel() -> None:
            if entry in self._listeners:
                self._listeners.remove(entry)

        return cancel

    # ---- keeping ----

    def to_document(self) -> list[list[Any]]:
        """Return the values that are no defaults, as `from_document` takes them.

        A default that something else took the place of stands there by its path alone.
        """
        gone: list[list[Any]] = [
            [list(path)] for path in self._defaults if path not in self._leaves
        ]
        return gone + [
            [list(path), leaf.value, leaf.at_ms]
            for path, leaf in self._leaves.items()
            if leaf.at_ms != DEFAULT_AT_MS
        ]

    def from_document(self, document: list[list[Any]]) -> None:
        """Take kept values; raises `ConfigurationError`."""
        for path, *kept in document:
            if kept:
                value, at_ms = kept
                self._put(tuple(path), value, int(at_ms), anyway=True)
            else:
                self._leaves.pop(tuple(path), None)

    def _put(self, path: Path, value: Any, at_ms: int, *, anyway: bool = False) -> bool:
        before = self._leaves.get(path)
        if before and before.at_ms > at_ms and not anyway:
            return False
        above = self._leaf_above(path)
        if above is not None:
            del self._leaves[above]
        for key in [key for key in self._leaves if key[: len(path)] == path and key != path]:
            del self._leaves[key]
        self._leaves[path] = Leaf(value, at_ms)
        if before and before.value == value and type(before.value) is type(value):
            return False
        self._tell(path)
        return True

    def _leaf_above(self, path: Path) -> Path | None:
        return next((path[:n] for n in range(1, len(path)) if path[:n] in self._leaves), None)

    def _tell(self, path: Path) -> None:
        for below, changed in list(self._listeners):
            if path[: len(below)] == below:
                changed(path)

    def _check(self, flat: Mapping[Path, Any]) -> None:
        most = self._value_bytes_max
        if most is None:
            return
        for path, value in flat.items():
            size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
            if size > most:
                raise ConfigurationError(
                    f"/{'/'.join(path)} is {size} bytes of JSON; nucleus lite keeps {most} at most"
                )


def parse_pointer(pointer: str) -> Path:
    """Return the keys of a JSON pointer (RFC 6901); raises `ConfigurationError`."""
    if not pointer:
        return ()
    if not pointer.startswith("/"):
        raise ConfigurationError(f"{pointer!r} is no JSON pointer: it begins with /")
    parts = pointer[1:].split("/")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _flatten(tree: Mapping[str, Any], at: Path = ()) -> list[tuple[Path, Any]]:
    flat: list[tuple[Path, Any]] = []
    for key, value in tree.items():
        path = (*at, str(key))
        if isinstance(value, Mapping) and value:
            flat += _flatten(value, path)
        else:
            flat.append((path, value))
    return flat
