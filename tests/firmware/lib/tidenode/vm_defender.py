"""Reports to Device Defender go out while there is a connection, and not too often."""

import asyncio
import json

from tidenode import defender

STATS = {"acknowledged": 9, "connects": 2, "dropped": 0, "queued_batches": 1, "thing": "board-1"}


class Board:
    """An agent, its uplink, its talk and its clock in one, all of them short."""

    def __init__(self):
        self.talk = self
        self.connected = False
        self.published = []

    def stats(self):
        return STATS

    def utc_ms(self):
        return 1_800_000_000_999

    def monotonic_ms(self):
        return 61_000

    def publish(self, topic, payload):
        self.published.append((topic, json.loads(payload)))
        return True


async def run(board):
    reporting = defender.report_for_ever("board-1", board, board, board, 300)
    task = asyncio.create_task(reporting)
    await asyncio.sleep_ms(20)
    task.cancel()


async def test_a_report_says_what_the_board_knows():
    board = Board()
    board.connected = True
    await run(board)
    ((topic, document),) = board.published
    assert topic == "$aws/things/board-1/defender/metrics/json"
    assert document["header"] == {"report_id": 1_800_000_000, "version": "1.0"}
    assert document["metrics"]["listening_tcp_ports"] == {"ports": [], "total": 0}
    custom = document["custom_metrics"]
    assert custom.pop("heap_free_bytes")[0]["number"] > 1_000
    assert custom == {
        "acknowledged": [{"number": 9}],
        "connects": [{"number": 2}],
        "dropped": [{"number": 0}],
        "queued_batches": [{"number": 1}],
        "uptime_s": [{"number": 61}],
    }


async def test_nothing_is_reported_without_a_connection():
    board = Board()
    await run(board)
    board.connected, board.talk = True, None
    await run(board)
    assert board.published == []
