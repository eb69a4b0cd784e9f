"""`tidectl sync`: for people and for programs; what it copies is in test_board_sync."""

import json

from tests.firmware.standin import StandIn
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.thing import ThingFolder


def test_it_says_what_it_copied_and_never_the_key(
    tidectl: Run, folder: ThingFolder, home: Home
) -> None:
    key = folder.key_path.read_bytes().hex()
    with StandIn(folder.image_path) as board:
        config = folder.config() | {"site": "farm"}
        folder.config_path.write_text(json.dumps(config))
        done = tidectl("sync", board.port, "board-1", home=home.path)
        assert done.code == 0, done.err
        assert done.err.splitlines()[-2:] == [
            "  /config.json",
            "1 file changed; board-1 starts anew",
        ]
        assert key not in done.out + done.err
        again = tidectl("sync", board.port, "board-1", "--json", home=home.path)
        assert again.json() == {
            "port": board.port, "thing": "board-1", "copied": [], "removed": [],
        }  # fmt: skip


def test_a_thing_that_is_not_here_is_one_line(tidectl: Run) -> None:
    assert tidectl("sync", "/dev/nope", "nobody").complaint() == "there is no thing nobody here"


def test_a_port_that_is_not_there_is_one_line(
    tidectl: Run, folder: ThingFolder, home: Home
) -> None:
    done = tidectl("sync", "/dev/nope", folder.thing, home=home.path)
    assert done.complaint() == "there is no board at /dev/nope"
