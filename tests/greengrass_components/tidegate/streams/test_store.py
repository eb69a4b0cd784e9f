from pathlib import Path

import pytest

from tidegate.segment_log import LogLockedError
from tidegate.streams import Status, StreamRequestError
from tidegate.streams.store import STREAMS_MAX, Store

STREAM = {"name": "s", "strategyOnFull": 0}


def test_a_folder_without_a_definition_is_half_a_stream_and_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create(STREAM)
    store.close()
    (tmp_path / "s" / "definition.json").unlink()
    store = Store(tmp_path)
    assert store.names() == []
    store.create(STREAM)
    assert store.get("s").append_many([b"x"]) == 0
    store.close()


@pytest.mark.parametrize("text", ["{", "[]", '{"name": "s"}'])
def test_a_definition_that_is_none_sets_its_stream_aside_whole(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path)
    store.create(STREAM)
    store.get("s").append_many([b"precious"])
    store.close()
    (tmp_path / "s" / "definition.json").write_text(text)
    for _ in range(2):
        store = Store(tmp_path)
        assert store.names() == []
        store.close()
    (aside,) = tmp_path.glob("s.*.unreadable")
    assert b"precious" in (aside / f"{0:020d}.seg").read_bytes()


def test_two_stream_managers_do_not_share_a_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(LogLockedError):
        Store(tmp_path)
    store.close()


def test_there_are_not_more_streams_than_a_gateway_can_hold_open(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(STREAMS_MAX):
        store.create({"name": str(number), "strategyOnFull": 0, "persistence": 1})
    with pytest.raises(StreamRequestError, match="delete some") as error:
        store.create(STREAM)
    assert error.value.status == Status.INVALID_REQUEST
    store.delete("7")
    store.create(STREAM)
    store.close()


def test_names_of_any_letters_have_folders_of_their_own(tmp_path: Path) -> None:
    names = ["ä" * 255, "ä" * 254 + "b", "..", ".", "a b", "a,b", "A b", "%2E"]
    store = Store(tmp_path)
    for place, name in enumerate(names):
        if name == "%2E":
            continue  # no name of a stream
        store.create({"name": name, "strategyOnFull": 0})
        store.get(name).append_many([b"%d" % place])
    store.close()
    store = Store(tmp_path)
    for place, name in enumerate(names[:-1]):
        assert store.get(name).read(0, 1, 1)[0].payload == b"%d" % place
    store.close()
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 7
