"""How a start is spent goes by the configuration, and by who holds the button."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tidenode import mode


class Button:
    """A pin that is low for so many reads."""

    IN, PULL_UP = 1, 2

    def __init__(self, low: int) -> None:
        self.low = low

    def __call__(self, *_: object) -> "Button":
        return self

    def value(self) -> int:
        self.low -= 1
        return int(self.low < 0)


def chosen(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    document: Any,
    low: int = 0,
    errand: Callable[[], str] = str,
) -> tuple[str, int]:
    """Return the way, and the milliseconds it took to find; there is no errand but `errand`."""
    waits: list[int] = []
    monkeypatch.setattr(mode, "ROOT", str(folder))
    monkeypatch.setattr(mode, "time", SimpleNamespace(sleep_ms=waits.append))
    if document is not None:
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / "config.json").write_text(text)
    hardware = SimpleNamespace(Pin=Button(low), reset_cause=lambda: 1, DEEPSLEEP_RESET=4)
    return mode.choose(hardware, errand), sum(waits)


@pytest.mark.parametrize(
    ("document", "way"),
    [
        (None, "portal"),
        ({"wifi": "portal"}, "portal"),
        ({"wifi": {"ssid": "portal"}, "portal": None}, ""),
        ({"thing": "sleep"}, ""),
        ({"sleep": {"period_s": 60}}, "sleep"),
        ({"wifi": "portal", "sleep": {"period_s": 60}}, "portal"),
        ('{"wifi": "portal"', ""),
        ('["portal"]', ""),
    ],
)
def test_a_configuration_says_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: Any, way: str
) -> None:
    assert chosen(tmp_path, monkeypatch, document) == (way, 0)


def test_a_button_counts_that_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"wifi": {"ssid": "net"}, "portal": {"button_pin": 0}}
    assert chosen(tmp_path, monkeypatch, document, low=60) == ("portal", mode.HELD_MS)
    assert chosen(tmp_path, monkeypatch, document, low=3) == ("", 60)
    assert chosen(tmp_path, monkeypatch, document) == ("", 0)


def test_an_errand_comes_before_agent_and_sleep_but_not_before_the_portal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = [
        chosen(tmp_path, monkeypatch, document, errand=lambda: "claim")[0]
        for document in ({}, {"sleep": {"period_s": 60}}, {"wifi": "portal"})
    ]
    assert ways == ["claim", "claim", "portal"]
