"""Read a component's settings, whichever way they came.

The classic nucleus keeps types, nucleus lite makes texts of everything and floats come out of
JSON where integers went in: each setting is read from either. All mistakes are told together.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.errors import GateError

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class SettingsError(GateError):
    """Settings that can't be; `mistakes` has a line for each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class SettingReader:
    """Takes settings out of `mapping` one by one; `finish` tells what was wrong or left."""

    def __init__(self, mapping: Mapping[str, Any], where: str = "") -> None:
        self._left = dict(mapping)
        self._where = f"{where}." if where else ""
        self._mistakes: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it has to be there."""
        value = self._take(name, default)
        return "" if value is None else str(value)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return one of `choices`."""
        value = str(self._take(name, default))
        if value not in choices:
            self.mistake(name, f"is {value!r}, not one of {', '.join(choices)}")
            return default
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        number = self.number(name, default, low, high)
        if number != int(number):
            self.mistake(name, f"is {number}, not a whole number")
        return int(number)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        value = self._take(name, default)
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.mistake(name, f"is {value!r}, not a number")
            return default
        if not low <= number <= high:
            self.mistake(name, f"is {value}, not {low} to {high}")
            return default
        return number

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth, as a boolean or as one of the usual words."""
        value = str(self._take(name, default)).lower()
        if value not in (*_TRUE, *_FALSE):
            self.mistake(name, f"is {value!r}, not true or false")
        return value in _TRUE

    def mapping(self, name: str) -> dict[str, Any]:
        """Return a map, empty when it is not there."""
        value = self._take(name, {})
        if not isinstance(value, Mapping):
            self.mistake(name, f"is {value!r}, not a map")
            return {}
        return dict(value)

    def mistake(self, name: str, what: str) -> None:
        """Note a mistake that the caller found."""
        self._mistakes.append(f"{self._where}{name} {what}")

    def finish(self) -> None:
        """Raise `SettingsError` if anything was wrong, or is there that nobody asked for."""
        for name in sorted(self._left):
            self.mistake(name, "is no setting")
        if self._mistakes:
            raise SettingsError(self._mistakes)

    def _take(self, name: str, default: Any) -> Any:
        value = self._left.pop(name, None)
        if value in (None, ""):
            if default is None:
                self.mistake(name, "is missing")
            return default
        return value
