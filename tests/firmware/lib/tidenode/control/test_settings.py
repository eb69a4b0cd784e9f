"""Settings from afar: put in force whole, or refused whole with every reason; cuts included."""

import json
import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidenode import config, drivers
from tidenode.control import desired, files, settings, store, trial
from tidenode.errors import ConfigError

GOOD: dict[str, Any] = {
    "thing": "board-1",
    "site": "farm",
    "broker": {"host": "127.0.0.1"},
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 1_000}],
    "batch": {"age_ms_max": 500},
    "control": {},
}
WANTED = {"batch": {"age_ms_max": 200}}
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)
keys = st.sampled_from(["batch", "link", "outbox", "clock", "measurements", "basic_ingest", "x"])
inner_keys = st.sampled_from(["age_ms_max", "samples_max", "window", "bytes_max", "sntp_host", "y"])
documents = st.dictionaries(keys, anything | st.dictionaries(inner_keys, anything, max_size=3))


class Board:
    """The files of a board, and what is said on its way."""

    def __init__(self, root: Path) -> None:
        self.root, self.warnings = str(root), list[str]()
        self.on_trial = ""
        root.mkdir(exist_ok=True)
        (root / "config.json").write_text(json.dumps(GOOD))

    def warn(self, message: str) -> None:
        self.warnings.append(message)

    def hear(self, state: object, version: int = 3, **more: object) -> bool:
        """Return whether a delta has the board restart."""
        delta = {"version": version, "state": state, **more}
        return desired.take(self, json.dumps(delta).encode(), self.root)  # type: ignore[arg-type]  # stands in for the agent

    def boot(self, *, sensing: bool = True) -> bool:
        self.on_trial = trial.begin(config.parse, drivers.options_of, self.root, sensing=sensing)
        trial.report(bool(self.on_trial), self.root)
        return bool(self.on_trial)

    def config(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(Path(self.root, "config.json").read_text())
        config.parse(document, drivers.options_of)  # whatever happens, it can be run with
        return document

    def reported(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(Path(files.path("report", self.root)).read_text())
        reported: dict[str, Any] = found["state"]["reported"]
        return reported


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(tmp_path / "flash")


def test_wanted_settings_are_tried_and_stay_once_they_proved_themselves(board: Board) -> None:
    assert board.hear(WANTED)
    assert board.config() == GOOD
    assert board.boot()
    assert board.config() == GOOD | WANTED
    trial.confirm(board.root)
    assert not board.boot()
    assert board.config() == GOOD | WANTED
    reported = board.reported()
    assert (reported["batch"], reported["version"], reported["refused"]) == (
        WANTED["batch"],
        3,
        None,
    )
    assert not set(reported) & set(settings.FROZEN)


def test_settings_that_did_not_prove_themselves_are_over_with_the_next_start(board: Board) -> None:
    board.hear(WANTED, 4)
    assert board.boot()
    assert not board.boot()
    assert board.config() == GOOD
    assert board.reported()["refused"]["version"] == 4
    assert "did not connect" in board.reported()["refused"]["mistakes"][0]
    assert not board.hear(WANTED, 5), "it is not tried again by itself"
    assert board.hear(WANTED, 6, metadata={"batch": {"timestamp": 1}}), "but when it is set again"


def test_settings_are_not_tried_by_a_start_without_sensors(board: Board) -> None:
    board.hear(WANTED)
    assert not board.boot(sensing=False)
    assert board.config() == GOOD
    assert board.boot(), "the next start has them"
    assert board.config() == GOOD | WANTED


def test_what_the_sensors_refuse_on_trial_is_taken_back_and_told(board: Board) -> None:
    board.hear(WANTED, 9)
    assert board.boot()
    trial.end(["I2C bus 0: on pins (22, 21) and (5, 21)"], board.root)
    assert board.config() == GOOD
    assert not board.boot()
    assert board.reported()["refused"] == {
        "version": 9,
        "mistakes": ["I2C bus 0: on pins (22, 21) and (5, 21)"],
    }
    assert not board.hear(WANTED, 10)


def test_another_time_server_has_to_tell_the_time_to_stay(board: Board) -> None:
    board.hear({"clock": {"sntp_host": "ntp.nowhere.example"}})
    assert board.boot()
    assert board.on_trial == "clock"
    board.boot()
    board.hear(WANTED)
    assert board.boot()
    assert board.on_trial == "settings"


def test_a_mistake_is_refused_with_all_the_others_and_changes_nothing(board: Board) -> None:
    assert board.hear({"batch": {"age_ms_max": 1}, "lunch": True}, 7)
    assert not board.boot()
    assert board.config() == GOOD
    refused = board.reported()["refused"]
    assert refused["version"] == 7
    assert [mistake.split(":")[0] for mistake in refused["mistakes"]] == [
        "lunch",
        "batch.age_ms_max",
    ]
    assert not board.hear({"batch": {"age_ms_max": 1}, "lunch": True}, 8)


@pytest.mark.parametrize("key", settings.FROZEN)
def test_what_a_board_is_can_not_be_changed_from_afar(board: Board, key: str) -> None:
    board.hear({key: GOOD.get(key, {}), "batch": {"age_ms_max": 300}})
    assert not board.boot()
    assert board.config() == GOOD
    assert board.reported()["refused"]["mistakes"] == [f"{key}: can't be changed from afar"]


def test_mistakes_are_told_within_bounds(board: Board) -> None:
    board.hear({"x" * 300 + str(number): 1 for number in range(50)})
    board.boot()
    mistakes = board.reported()["refused"]["mistakes"]
    assert len(mistakes) == settings.MISTAKES_MAX + 1
    assert mistakes[-1] == "and 42 more"
    assert all(len(mistake) <= settings.MISTAKE_CHARACTERS_MAX for mistake in mistakes)


@given(state=documents | anything)
def test_any_document_leaves_settings_that_run(
    tmp_path_factory: pytest.TempPathFactory, state: object
) -> None:
    board = Board(tmp_path_factory.mktemp("flash"))
    if board.hear(state):
        tried = board.boot()
        merged = board.config()
        assert {key: merged.get(key) for key in settings.FROZEN} == {
            key: GOOD.get(key) for key in settings.FROZEN
        }
        assert tried or merged == GOOD
        assert tried or board.reported()["refused"]["mistakes"]


@given(payload=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_payload_is_a_delta_or_a_value_error(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes
) -> None:
    board = Board(tmp_path_factory.mktemp("flash"))
    with suppress(ValueError):
        desired.take(board, payload, board.root)  # type: ignore[arg-type]  # stands in for the agent
    board.boot()
    assert board.config() == GOOD


class Cut(Exception):  # noqa: N818  # a power cut is no error
    """The power is gone."""


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("good", [True, False])
def test_a_cut_at_any_rename_or_removal_leaves_old_or_new_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, good: bool
) -> None:
    """Every change is one rename or removal: cut before each of them in turn, then start."""
    chance = random.Random(seed)
    state = WANTED if good else {"batch": {"age_ms_max": -1}}
    for cut_at in range(12):
        board = Board(tmp_path / f"{seed}-{cut_at}")
        left = [cut_at]

        def cutting(real: Any, left: list[int] = left) -> Any:
            def operation(*arguments: Any) -> None:
                if not left[0]:
                    raise Cut
                left[0] -= 1
                real(*arguments)

            return operation

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", cutting(os.rename))
            patch.setattr(os, "remove", cutting(os.remove))
            try:
                board.hear(state)
                if board.boot() and chance.random() < 0.8:
                    trial.confirm(board.root)
            except Cut:
                pass
        assert board.config() in (GOOD, GOOD | WANTED), cut_at
        tried = board.boot()
        assert board.config() in (GOOD, GOOD | WANTED), cut_at
        if not tried:
            assert not store.exists("trial", board.root)
        board.boot()
        assert board.config() in (GOOD, GOOD | WANTED), cut_at


def test_equal_settings_have_one_text_whatever_their_order() -> None:
    one = {"b": [1, {"y": None, "x": "é"}], "a": True}
    other = {"a": True, "b": [1, {"x": "é", "y": None}]}
    assert settings.canonical(one) == settings.canonical(other)
    assert settings.canonical({"a": 1}) != settings.canonical({"a": True})


def test_what_is_no_object_is_no_setting() -> None:
    with pytest.raises(ConfigError, match="must be an object"):
        settings.settled(GOOD, [], config.parse, drivers.options_of)
