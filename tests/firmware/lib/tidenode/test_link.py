"""Mutual TLS on the real VM: the board lets no one else be the broker."""

import pytest

from tests.firmware.lib.tidenode import identities
from tests.firmware.lib.tidenode.bench import Bench
from tests.firmware.lib.tidenode.identities import Identity
from tidewire import topic


def stranger(_: Identity) -> Identity:
    return identities.server(identities.authority())


def namesake(_: Identity) -> Identity:
    """An authority that only calls itself like ours."""
    return identities.server(identities.authority("test authority"))


def elsewhere(authority: Identity) -> Identity:
    return identities.server(authority, address="127.0.0.2")


def expired(authority: Identity) -> Identity:
    return identities.server(authority, valid_days=-1)


def a_thing(authority: Identity) -> Identity:
    """A certificate of our authority that names no address: another board's, say."""
    return identities.thing(authority, "board-2")


WRONG = {
    stranger: "not correctly signed by the trusted CA",
    namesake: "not correctly signed by the trusted CA",
    elsewhere: "does not match",
    expired: "validity has expired",
    a_thing: "does not match",
}


def test_a_board_connects_by_its_certificate_and_publishes_under_its_name(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board()
    bench.wait_for_batches(5)
    stats = bench.end(board)
    assert stats.connects == 1
    assert bench.broker.clients == ["board-1"]
    assert {topic.parse(publish.topic) for publish in bench.broker.received} == {
        ("farm", "board-1", "climate")
    }
    bench.assert_whole(stats)


@pytest.mark.parametrize("impostor", WRONG, ids=lambda impostor: impostor.__name__)
def test_a_board_never_talks_to_an_impostor_and_connects_once_the_broker_is_right(
    bench: Bench, impostor
) -> None:
    bench.broker.become(impostor(bench.authority))
    bench.broker.resume()
    board = bench.board()
    bench.wait_for_log("link failed attempt=4: ")
    assert WRONG[impostor] in bench.log()
    assert (bench.broker.clients, bench.broker.received) == ([], [])
    bench.broker.become(identities.server(bench.authority))
    bench.wait_for_batches(3)
    bench.assert_whole(bench.end(board))


def test_a_broker_refuses_a_board_of_another_authority(bench: Bench) -> None:
    bench.thing = identities.thing(identities.authority())
    bench.broker.resume()
    bench.board()
    bench.wait_for_log("link failed attempt=4: ")
    assert (bench.broker.clients, bench.broker.received) == ([], [])


def test_a_board_finds_a_broker_by_its_name(bench: Bench) -> None:
    bench.broker.become(identities.server(bench.authority, name="localhost"))
    bench.broker.resume()
    board = bench.board(broker={"host": "localhost", "port": bench.broker.port})
    bench.wait_for_batches(3)
    bench.assert_whole(bench.end(board))


def test_a_broker_by_another_name_is_an_impostor(bench: Bench) -> None:
    bench.broker.become(identities.server(bench.authority, name="localhost.example"))
    bench.broker.resume()
    bench.board(broker={"host": "localhost", "port": bench.broker.port})
    bench.wait_for_log("link failed attempt=3: ")
    assert "does not match" in bench.log()
    assert bench.broker.clients == []
