"""One map of a tag map, read key by key; mistakes are gathered with file and line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from tidegate.errors import GateError
from tidegate.yaml_lines import LinedList, LinedMap

MISTAKES_MAX = 100  # shown; the rest is counted
_TRUE, _FALSE = ("true", "yes", "on", "1", "x"), ("false", "no", "off", "0", "")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """What is wrong, and where; line 0 is the file as a whole."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


class TagMapError(GateError):
    """A tag map that can't be; `mistakes` has all that is wrong with it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        lines = [str(mistake) for mistake in mistakes[:MISTAKES_MAX]]
        if len(mistakes) > MISTAKES_MAX:
            lines.append(f"and {len(mistakes) - MISTAKES_MAX} more")
        super().__init__("\n".join(lines))
        self.mistakes = tuple(mistakes)


class Mistakes:
    """Gathers mistakes; true when there are any."""

    def __init__(self) -> None:
        self._found: set[Mistake] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, file: str, line: int, text: str) -> None:
        """Note one."""
        self._found.add(Mistake(file, line, text))

    def error(self) -> TagMapError:
        """Return what tells of all of them."""
        return TagMapError(sorted(self._found))


class Entry:
    """Reads `mapping` key by key, and empties it; `finish` tells of keys that nobody asked for."""

    __slots__ = ("_left", "_mistakes", "file", "line")

    def __init__(self, mapping: LinedMap, file: str, mistakes: Mistakes) -> None:
        self._left = mapping
        self.file, self._mistakes = file, mistakes
        self.line = mapping.line
        for key, line in mapping.doubled:
            mistakes.add(file, line, f"{key} stands twice")

    def take(self, key: str) -> Any:
        """Return what is there, as it is, None for nothing."""
        value = self._left.pop(key, None)
        return None if isinstance(value, str) and not value.strip() else value

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; without a default it has to be there."""
        value = self.take(key)
        if value is None:
            if default is None:
                self.mistake(key, "is missing")
            return default or ""
        if isinstance(value, dict | list):
            self.mistake(key, "is a text, not a map or list")
            return default or ""
        return str(value).strip()

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of `choices`."""
        value = self.text(key, default)
        if value not in choices:
            self.mistake(key, f"is {value!r}, not one of {', '.join(choices)}")
            return default
        return value

    def number(self, key: str, default: float | None = None) -> float | None:
        """Return a finite number, or the default."""
        value = self.take(key)
        if value is None:
            return default
        try:
            number = float(value) if not isinstance(value, bool) else float("nan")
        except (TypeError, ValueError):
            number = float("nan")
        if not isfinite(number):
            self.mistake(key, f"is {value!r}, not a number")
            return default
        return number

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        number = self.number(key)
        if number is None:
            return default
        if number != int(number) or not low <= number <= high:
            self.mistake(key, f"is {number:g}, not a whole number from {low} to {high:,}")
            return default
        return int(number)

    def flag(self, key: str) -> bool:
        """Return a truth; nothing is false."""
        value = self.take(key)
        word = "" if value is None else str(value).strip().lower()
        if word not in (*_TRUE, *_FALSE):
            self.mistake(key, f"is {value!r}, not true or false")
        return word in _TRUE

    def items(self, key: str) -> Iterator[tuple[Any, int]]:
        """Yield the items of a list with their lines."""
        value = self.take(key)
        if isinstance(value, LinedList):
            yield from zip(value, value.lines, strict=True)
        elif value is not None:
            self.mistake(key, "is no list")

    def maps(self, key: str) -> dict[str, LinedMap]:
        """Return the maps of a map by name."""
        value = self.take(key)
        found: dict[str, LinedMap] = {}
        if isinstance(value, LinedMap):
            for name, one in value.items():
                if isinstance(one, LinedMap):
                    found[name] = one
                else:
                    self._mistakes.add(self.file, value.line_of(name), f"{name} is no map")
        elif value is not None:
            self.mistake(key, "is no map of maps")
        return found

    def rest(self, names: frozenset[str]) -> dict[str, str]:
        """Return those of `names` that are there, as texts."""
        return {name: text for name in sorted(names) if (text := self.text(name, ""))}

    def mistake(self, key: str, text: str) -> None:
        """Note a mistake at the line of `key`."""
        line = self._left.line_of(key)
        self._mistakes.add(self.file, line, f"{key} {text}" if key else text)

    def finish(self, known: Sequence[str]) -> None:
        """Tell of keys that are left."""
        for key in self._left:
            if self._left[key] not in (None, ""):
                self.mistake(key, f"is no key here; there are: {', '.join(known)}")
