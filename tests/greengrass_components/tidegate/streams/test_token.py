from pathlib import Path

import pytest

from tidegate.streams import StreamsError
from tidegate.streams.token import is_same, read_token, token_in


def test_a_token_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = token_in(path)
    assert len(token) >= 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_in(path) == read_token(path) == token


def test_a_token_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token_in(path)
    path.chmod(0o640)
    with pytest.raises(StreamsError, match="chmod 600"):
        token_in(path)


def test_an_empty_token_file_lets_nobody_in(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    with pytest.raises(StreamsError, match="delete the file"):
        token_in(path)


def test_tokens_are_compared_whole() -> None:
    assert is_same("abc", "abc")
    for other in (None, "", "ab", "abcd", "äbc"):
        assert not is_same(other, "abc")
