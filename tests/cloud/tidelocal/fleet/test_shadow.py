"""The merge and the delta of shadows, compared with the simplest that could be right."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelocal.fleet.shadow import ShadowRefusedError, accept, delta

LEAVES = st.booleans() | st.integers(0, 2) | st.sampled_from(["a", ""])
NAMES = st.sampled_from("abc")


def documents(*more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(LEAVES, *more),
        lambda inner: st.dictionaries(NAMES, inner, max_size=3),
        max_leaves=8,
    )


SECTIONS = st.dictionaries(NAMES, documents(), max_size=3)
PATCHES = st.dictionaries(NAMES, documents(st.none()), max_size=3)


def plainly_merged(base: Any, patch: Any) -> Any:
    """Merge as MiniStack's store does: null removes at once, what is new is kept as it came."""
    merged = copy.deepcopy(base)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = plainly_merged(merged[name], value)
        else:
            merged[name] = value
    return merged


def rightly_merged(base: Any, patch: Any) -> Any:
    merged = dict(base) if isinstance(base, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = rightly_merged(merged.get(name), value)
        else:
            merged[name] = value
    return merged


@given(base=SECTIONS, patch=PATCHES)
def test_a_plain_merge_of_what_is_accepted_is_right(base: Any, patch: Any) -> None:
    request = {"state": {"reported": patch}}
    before = copy.deepcopy((base, request))
    accepted = accept(request, {"reported": base})["state"]["reported"]
    assert plainly_merged(base, accepted) == rightly_merged(base, patch)
    assert (base, request) == before


@given(desired=SECTIONS, reported=SECTIONS)
def test_a_delta_reported_leaves_none(desired: Any, reported: Any) -> None:
    missing = delta(desired, reported)
    assert (missing == {}) is (delta(desired, plainly_merged(reported, missing)) == missing == {})
    assert delta(desired, rightly_merged(reported, missing)) == {}
    assert delta(desired, desired) == {}


def test_a_delta_tells_truth_from_numbers_also_inside_lists() -> None:
    assert delta({"a": [1, True]}, {"a": [1, 1]}) == {"a": [1, True]}
    assert delta({"a": [1, {"b": 1}]}, {"a": [1.0, {"b": 1}]}) == {}
    assert delta({"a": {}}, {}) == {"a": {}}


def test_other_members_of_a_request_are_kept() -> None:
    request = {"state": {"desired": None}, "version": 4, "clientToken": "t"}
    assert accept(request, {"desired": {"a": 1}}) == request


@pytest.mark.parametrize("token", ["t" * 65, 5, ["t"]])
def test_a_token_is_text_of_64_bytes_at_most(token: Any) -> None:
    with pytest.raises(ShadowRefusedError, match=r"Invalid clientToken"):
        accept({"state": {}, "clientToken": token}, {})


def test_the_size_is_that_of_the_whole_document_after_the_merge() -> None:
    half = "x" * 4090
    state = {"desired": {"a": half}, "reported": {}}
    accept({"state": {"desired": {"a": half}}}, state)
    with pytest.raises(ShadowRefusedError) as refused:
        accept({"state": {"reported": {"a": half}}}, state)
    assert refused.value.code == 413
    accept({"state": {"desired": {"a": None}, "reported": {"a": half}}}, state)
