"""Configuration against a simple model: the same merges and resets leave the same tree."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.nucleus.configuration import Configuration, parse_pointer
from tidegate.nucleus.errors import ConfigurationError, ConfigurationMissingError

KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(st.integers(0, 3), st.text(max_size=2), st.lists(st.integers(), max_size=2))
TREES = st.dictionaries(
    KEYS, st.one_of(VALUES, st.dictionaries(KEYS, VALUES, min_size=1, max_size=3)), max_size=3
)


def _model(tree: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for key, value in update.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _model(merged[key], value) if both else value
    return merged


@given(TREES, st.lists(TREES, max_size=4))
@example({"c": {"a": 0, "b": 0}}, [{"c": 0}, {"c": {"a": 0}}])
def test_merges_are_those_of_a_tree(
    defaults: dict[str, Any], updates: list[dict[str, Any]]
) -> None:
    configuration, model = Configuration(defaults), defaults
    for number, update in enumerate(updates):
        configuration.merge(update, at_ms=10 + number)
        model = _model(model, update)
    assert configuration.value() == model
    again = Configuration(defaults)
    again.from_document(configuration.to_document())
    assert again.value() == model


@given(TREES, TREES)
def test_a_reset_of_all_gives_the_defaults_back(
    defaults: dict[str, Any], update: dict[str, Any]
) -> None:
    configuration = Configuration(defaults)
    configuration.merge(update, at_ms=10)
    configuration.reset("")
    assert configuration.value() == defaults


@given(TREES, TREES)
def test_each_changed_value_is_told_and_no_other(
    defaults: dict[str, Any], update: dict[str, Any]
) -> None:
    configuration = Configuration(defaults)
    told: list[tuple[str, ...]] = []
    configuration.listen((), told.append)
    changed = configuration.merge(update, at_ms=10)
    assert len(told) == changed
    told.clear()
    assert configuration.merge(update, at_ms=11) == 0
    assert told == []


def test_new_defaults_fill_in_and_take_nothing_back() -> None:
    configuration = Configuration({"x": 1, "y": 1})
    configuration.merge({"x": 5}, at_ms=10)
    configuration.set_defaults({"x": 2, "z": 2})
    assert configuration.value() == {"x": 5, "y": 1, "z": 2}


def test_pointers_are_those_of_rfc_6901() -> None:
    assert parse_pointer("/a~1b/~0c") == ("a/b", "~c")
    assert parse_pointer("") == ()
    with pytest.raises(ConfigurationError, match="begins with /"):
        parse_pointer("a")
    with pytest.raises(ConfigurationMissingError):
        Configuration({}).value(("a",))
