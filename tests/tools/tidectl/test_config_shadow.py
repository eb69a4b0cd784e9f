"""Settings as they are typed."""

import pytest

from tidectl.config_shadow import parsed
from tidectl.errors import TidectlError


def test_words_become_an_object_whose_values_are_json_or_text() -> None:
    words = ("batch.age_ms_max=500", "batch.samples_max=6", "basic_ingest=false", "name=a=b")
    assert parsed(words) == {
        "batch": {"age_ms_max": 500, "samples_max": 6},
        "basic_ingest": False,
        "name": "a=b",
    }


@pytest.mark.parametrize("words", [("batch",), ("=1",), ("a..b=1",), ("a=1", "a.b=2")])
def test_what_is_no_setting_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(TidectlError):
        parsed(words)
