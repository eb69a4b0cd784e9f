"""Whatever comes from the cloud, the board on the real VM goes on with its good configuration."""

import json
import random
from typing import Any

from tests.firmware.lib.tidenode.bench import LATE_S_MAX, Bench
from tests.firmware.lib.tidenode.broker import publish_packet
from tidectl.simulated_board import RESET_EXIT_CODE, SimulatedBoard

SEED, ROUNDS = 11, 120
CHECK_S = 0.1
THINGS = "$aws/things/board-1"
TOPICS = [
    f"{THINGS}/shadow/name/config/update/delta",
    f"{THINGS}/jobs/notify-next",
    f"{THINGS}/jobs/start-next/accepted",
    f"{THINGS}/jobs/x/update/accepted",
    f"{THINGS}/jobs/x/update/rejected",
    f"{THINGS}/jobs/x/y/z",
    "cmd/tidegauge/board-1/1",
]
PARTS: list[Any] = [
    None, True, -1, 2**40, 1.5, "", "x", [], {}, ["ping"], {"command": "read"}, {"operation": 5},
    {"jobId": "x", "jobDocument": {"operation": "logs", "lines": "many"}}, {"jobId": None},
    {"command": "stats"}, {"jobDocument": {"operation": "../main"}},
]  # fmt: skip
KEYS = ["state", "version", "execution", "command", "measurement", "metadata", "statusDetails"]


def payload(chance: random.Random) -> bytes:
    """Return something: JSON with known keys, deep JSON, half of one, noise, too much."""
    kind = chance.randrange(6)
    document = {chance.choice(KEYS): chance.choice(PARTS) for _ in range(3)}
    text = json.dumps(document).encode()
    if kind == 0:
        return chance.randbytes(chance.randrange(200))
    if kind == 1:
        return b"[" * chance.randrange(500)
    if kind == 2:
        return text[: chance.randrange(len(text))]
    if kind == 3:
        return text * 20
    return text


def test_fuzzed_messages_leave_the_board_running_its_configuration(bench: Bench) -> None:
    """A round has one of each topic: of those that wait only the newest would be looked at."""
    chance = random.Random(SEED)
    bench.broker.resume()
    board = bench.board(control={})
    bench.wait_for_batches(1)
    restarts = 0
    for number in range(ROUNDS):
        bench.broker.write(
            b"".join(
                publish_packet(topic, payload(chance), chance.randrange(3) * (number + 1))
                for topic in chance.sample(TOPICS, len(TOPICS))
            )
        )
        if not answers(bench, board, f"cmd/tidegauge/board-1/{number}"):
            restarts += 1
            board = again(bench, board)
    assert restarts < 0.1 * ROUNDS  # what it did not hear is no test
    assert len(bench.broker.taken) > 0.5 * ROUNDS * len(TOPICS)
    assert "Traceback" not in bench.log()
    bench.assert_whole(bench.end(board), accepted=0)


def test_settings_that_do_not_connect_are_taken_back_and_not_tried_again(bench: Bench) -> None:
    bench.broker.resume()
    board = bench.board(control={"trial_s": 5})
    bench.wait_for_batches(1)
    delta = json.dumps({"version": 7, "state": {"batch": {"age_ms_max": 150}}}).encode()
    bench.broker.say(TOPICS[0], delta, 1)
    assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE
    bench.broker.pause()  # whatever the new settings are: without a connection they are no good
    board.start()
    assert board.wait(LATE_S_MAX) == RESET_EXIT_CODE
    bench.broker.resume()
    board.start()

    def refused() -> bool:
        return any(b"did not connect" in one.payload for one in bench.broker.said)

    assert bench.broker.wait_for(refused, LATE_S_MAX), bench.log()[-500:]
    bench.broker.say(TOPICS[0], delta.replace(b"7", b"8"), 2)
    bench.wait_for_batches(20)
    assert board.running
    assert board.stats
    assert board.stats.boot == 3
    bench.assert_whole(bench.end(board), accepted=0)


def answers(bench: Bench, board: SimulatedBoard, topic: str) -> bool:
    """Return whether the board answers a ping behind all that it was told; else it has ended."""
    bench.broker.say(topic, b'{"command": "ping"}')
    for _ in range(int(LATE_S_MAX / CHECK_S)):
        if bench.broker.wait_for(
            lambda: any(one.topic == topic + "/answer" for one in bench.broker.said), CHECK_S
        ):
            return True
        if not board.running:
            return False
    raise AssertionError(f"no answer on {topic}: {bench.log()[-1_000:]}")


def again(bench: Bench, board: SimulatedBoard) -> SimulatedBoard:
    """Start the board that has reset itself to look at new settings."""
    board.wait()
    board.start()
    bench.wait_for_batches(1)
    return board
