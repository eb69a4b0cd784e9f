"""Subscriptions on the real VM: what comes is read and answered beside the batches."""

import pytest

from tests.firmware.lib.tidenode import one_vm
from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import Faults

BYTES_MAX = 1_024


def wait_for_saying(bench: Bench, topic: str, count: int) -> None:
    broker = bench.broker
    arrived = broker.wait_for(
        lambda: sum(publish.topic == topic for publish in broker.said) >= count, LATE_S_MAX
    )
    assert arrived, broker.said


@pytest.mark.parametrize("forget_sessions", [False, True], ids=["kept", "forgotten"])
def test_a_board_hears_and_answers_over_connections_that_come_and_go(
    bench: Bench, forget_sessions: bool
) -> None:
    bench.broker.misbehave(Faults(forget_sessions=forget_sessions))
    bench.broker.resume()
    broker = bench.broker
    with one_vm.beside(
        bench, "echo", port=broker.port, connections=3, bytes_max=BYTES_MAX
    ) as echoing:
        for connection in (1, 2, 3):
            wait_for_saying(bench, "began", connection)
            broker.say("say/short", b"x" * 10, 7)
            broker.say("say/fits", b"x" * (BYTES_MAX - 12), 8)
            broker.say("say/long", b"x" * 100_000, 9)
            broker.say("say/unasked", b"", 0)
            wait_for_saying(bench, "heard", 4 * connection)
            if connection < 3:
                broker.cut()
        broker.say("say/end", b"", 10)
        done = echoing.result()
    assert done == {"connects": 3, "too_long": 3, "dropped": 0}
    answers = [publish.payload.decode() for publish in broker.said if publish.topic == "heard"]
    once = ["say/short 10", f"say/fits {BYTES_MAX - 12}", "say/long -1", "say/unasked 0"]
    assert answers == 3 * once + ["say/end 0"]
    assert broker.taken == 3 * [7, 8, 9] + [10]
    assert broker.subscribed == [["say/+"]] * (3 if forget_sessions else 1)
    assert len(broker.received) > 10
    assert [int(publish.payload) for publish in broker.said if publish.topic == "began"] == [
        1,
        2,
        3,
    ]


def test_a_broker_that_refuses_subscriptions_gets_the_batches_all_the_same(bench: Bench) -> None:
    bench.broker.misbehave(Faults(grant=None))
    bench.broker.resume()
    with one_vm.beside(
        bench, "echo", port=bench.broker.port, connections=17, bytes_max=BYTES_MAX
    ) as echoing:
        bench.wait_for_connects(4)
        bench.wait_for_batches(100)
        assert len(bench.broker.subscribed) == 3
        bench.broker.faults.grant = 1
        for connections in range(5, 17):
            bench.broker.cut()
            bench.wait_for_connects(connections)
        wait_for_saying(bench, "began", 1)
        bench.broker.cut()
        wait_for_saying(bench, "began", 2)
        bench.broker.say("say/end", b"")
        assert echoing.result()["connects"] == 17
