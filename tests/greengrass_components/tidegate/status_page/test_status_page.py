"""The page over real HTTP: what it shows, what it refuses, and what Prometheus reads."""

import asyncio
import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tidegate.alarms import AlarmRule
from tidegate.bus_worker import BusWorker
from tidegate.errors import GateError
from tidegate.group import Group
from tidegate.intake import Intake
from tidegate.outbox import Outbox
from tidegate.sample import Sample
from tidegate.status_page import BusState, FieldState, GroupState, Snapshot, StatusPage
from tidegate.status_page.component_view import ComponentView
from tidegate.status_page.history import FIELDS_MAX, POINTS_MAX, History
from tidegate.status_page.metrics_text import metrics_text
from tidegate.tag import Tag

NOW_MS = 1_790_000_000_000
# A line of the text format: a name, labels, a number.
METRIC = re.compile(r'[a-z_]+\{([a-z]+="([^"\\\n]|\\.)*",?)*\} (NaN|[+-]Inf|-?[0-9.e+-]+)')


def snapshot(**replaced: Any) -> Snapshot:
    fields = (
        FieldState("level_m", 2.5, "m"), FieldState("on", True), FieldState("mode", "auto"),
        FieldState("broken", float("nan"), "", 2), FieldState("gone", None, "", 2),
    )  # fmt: skip
    facts: dict[str, Any] = {
        "title": 'gw "one"\\', "started_at_ms": NOW_MS - 5_000, "now_ms": NOW_MS, "fill": 0.25,
        "groups": [GroupState("gw-1:tank", "tank", NOW_MS - 400, 1_000, fields)],
        "buses": [BusState("tcp", False, 12.5, 7, 3, 1, ("5",))],
        "alarms": [{"alarm": "low", "state": "active"}], "queue": {"waiting": 3},
        "counts": {"UserRecordsPut": 9, "values_per_s": 1.5},
    }  # fmt: skip
    return Snapshot(**facts | replaced)


async def get(port: int, path: str, *, host: str = "", method: str = "GET") -> tuple[int, bytes]:
    def ask() -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    return await asyncio.to_thread(ask)


@in_loop
async def test_page_data_and_metrics_are_served_on_loopback() -> None:
    page = StatusPage(snapshot)
    await page.open(0)
    status, html = await get(page.port, "/")
    assert (status, html[:15]) == (200, b"<!doctype html>")
    # Self-contained: nothing is fetched from elsewhere.
    assert not re.search(rb"(src|href)=\"(https?:)?//", html)
    status, data = await get(page.port, "/data")
    found = json.loads(data)
    assert [one["value"] for one in found["groups"][0]["fields"]] == [
        2.5,
        True,
        "auto",
        "nan",
        None,
    ]
    status, text = await get(page.port, "/metrics")
    assert b'tidegate_value{thing="gw-1:tank",measurement="tank",field="level_m"} 2.5' in text
    await page.close()


@in_loop
async def test_it_answers_nobody_but_this_machine_and_only_shows() -> None:
    page = StatusPage(snapshot)
    await page.open(0)
    port = page.port
    assert (await get(port, "/data", host="evil.example"))[0] == 403
    assert (await get(port, "/data", host="localhost.evil.example:80"))[0] == 403
    assert (await get(port, "/data", host=f"localhost:{port}"))[0] == 200
    assert (await get(port, "/data", method="POST"))[0] == 405
    assert (await get(port, "//["))[0] == 400
    assert (await get(port, "/nothing"))[0] == 404
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /" + b"x" * 20_000)
    assert await reader.read() == b""
    writer.close()
    other = StatusPage(snapshot)
    with pytest.raises(GateError, match=f"no status page on port {port}"):
        await other.open(port)
    await other.try_open(port)
    await page.close()


def test_every_line_of_the_metrics_is_one_that_prometheus_reads() -> None:
    lines = metrics_text(snapshot()).splitlines()
    for line in lines:
        assert line.startswith(("# HELP tidegate_", "# TYPE tidegate_")) or METRIC.fullmatch(line)
    assert any(line.startswith("tidegate_count_user_records_put{") for line in lines)
    assert any(line.endswith(" NaN") for line in lines)
    assert not any('field="mode"' in line or 'field="gone"' in line for line in lines)
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_the_history_is_bounded_and_keeps_the_newest() -> None:
    history = History()
    for second in range(POINTS_MAX + 50):
        at_ms = NOW_MS + second * 1_000
        fields = (FieldState("x", float(second)), FieldState("t", "text"))
        history.take([GroupState("t", "m", at_ms, 1_000, fields)])
        history.take([GroupState("t", "m", at_ms + 1, 1_000, fields)])  # too soon for a point
    points = history.points(("t", "m", "x"))
    assert [value for _, value in points] == list(range(50, POINTS_MAX + 50))
    assert history.points(("t", "m", "t")) == []
    many = tuple(FieldState(f"f{number}", 1) for number in range(FIELDS_MAX + 10))
    history.take([GroupState("t", "many", NOW_MS, 1_000, many)])
    assert len(history.all_points(1)) == FIELDS_MAX


def test_a_plot_goes_on_after_the_clock_was_set_back() -> None:
    history = History()
    for at_ms in (NOW_MS, NOW_MS - 3_600_000, NOW_MS - 3_599_000, NOW_MS - 3_599_500):
        fields = (FieldState("x", float(at_ms % 7)),)
        history.take([GroupState("t", "m", at_ms, 1_000, fields)])
    times_ms = [at_ms for at_ms, _ in history.points(("t", "m", "x"))]
    assert times_ms == [NOW_MS - 3_600_000, NOW_MS - 3_599_000]


def test_a_component_shows_its_values_buses_alarms_and_queue(tmp_path: Path) -> None:
    tags = (Tag(field="level_m", address="1", unit="m"), Tag(field="on", address="2"))
    rule = AlarmRule("low", "level_m", low=1.0)
    group = Group(thing="gw-1:tank", measurement="tank", unit="5", tags=tags, alarms=(rule,))
    silent = Group(thing="gw-1:pump", measurement="pump", unit="6", tags=tags)
    outbox = Outbox(tmp_path / "outbox")
    outbox.batches.join("kinesis")
    intake = Intake(outbox, "site", [group, silent])
    bus = BusWorker(name="tcp", adapter=None, groups=[group, silent], deliver=intake.take)  # type: ignore[arg-type]  # nothing is read
    view = ComponentView("modbus", intake, outbox, [bus])
    intake.take(Sample(group, NOW_MS * 1_000_000, 0, (0.5, True), b"\x01\x00"))
    intake.take(Sample(group, NOW_MS * 1_000_000 + 5, 0, (0.4, True)))
    shown = view()
    assert [group.at_ms for group in shown.groups] == [NOW_MS, 0]
    assert shown.groups[0].fields == (FieldState("level_m", 0.4, "m", 0), FieldState("on", True))
    assert [one["alarm"] for one in shown.alarms] == ["low"]
    assert (shown.buses[0].name, shown.buses[0].is_up) == ("tcp", False)
    assert shown.queue["waiting_kinesis_batches"] == 0
    assert shown.queue["gathered_samples"] == outbox.gathered_samples > 0
    assert shown.counts["values"] == 4
    json.dumps(shown.document())
    outbox.close()
