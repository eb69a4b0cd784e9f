"""From the outbox through a breaking endpoint: what arrived is told, what did not goes again."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.greengrass_components.tidegate.in_loop import in_loop
from tests.greengrass_components.tidegate.kinesis.endpoint import Blackout, Endpoint, Faults
from tests.greengrass_components.tidegate.test_outbox import EACH, Clock, fill
from tests.greengrass_components.tidegate.virtual_clock import VirtualClock
from tidecloud.aggregate import parts_of
from tidecloud.record import Record
from tidegate.followed_outbox import SETTLED_MS, FollowedOutbox
from tidegate.kinesis.client import InThread, KinesisClient
from tidegate.kinesis.credentials import CredentialSource
from tidegate.kinesis.producer import Limits, Producer
from tidegate.kinesis.uplink_program import follow_new
from tidegate.kinesis.uplink_view import UplinkView
from tidegate.outbox import Outbox, OutboxSettings
from tidegate.segment_log import Sync
from tidegate.segment_log.record import HEADER_BYTES, sound
from tidegate.status_page.metrics_text import metrics_text
from tidegate.thing_owners import ThingOwners
from tidegate.uplink import STOP_S, OutboxSource, Source, Uplink
from tidewire import decode

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def client_of(endpoint: Endpoint) -> KinesisClient:
    source = CredentialSource(KEYS, lambda: 0.0)
    return KinesisClient(
        stream="tidegauge", region="us-east-1", credentials=source, endpoint_url=endpoint.url
    )


def uplink_of(
    client: KinesisClient, clock: VirtualClock, *sources: Source, limits: Limits | None = None
) -> Uplink:
    def make(**told: Any) -> Producer:
        return Producer(
            client=InThread(client), partition_key="gw-1", clock=clock,
            dice=random.Random(5), limits=limits, **told,
        )  # fmt: skip

    refused: list[tuple[bytes, str]] = []
    return Uplink(
        sources=sources,
        make_producer=make,
        keep_refused=lambda data, why: refused.append((data, why)),
        clock=clock,
    )


def sequences(endpoint: Endpoint) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key, data in endpoint.taken:
        for part in parts_of(Record("s", "1", key, 0, data)):
            batch = decode(part.data)
            found.setdefault(batch.thing, []).append(batch.sequence)
    return found


def assert_without_holes(endpoint: Endpoint) -> None:
    for given in sequences(endpoint).values():
        assert sorted(set(given)) == list(range(max(given) + 1))


@pytest.mark.parametrize("faults", [Faults(), Faults(throttle=0.3, fail=0.1, cut=0.1)], ids=repr)
@in_loop
async def test_all_batches_arrive_and_the_outbox_is_empty_then(
    tmp_path: Path, faults: Faults
) -> None:
    now, clock = Clock(), VirtualClock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=now)
    with Endpoint(faults, Blackout(1.0, 61.0, clock.now_s)) as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(
            client, clock, OutboxSource(box.batches, "cloud"),
            limits=Limits(aggregate_bytes_max=2_000),
        )  # fmt: skip
        for first in range(0, 1_000, 250):
            fill(box, now, 250, first=first)
            await clock.sleep(1.0)
            await uplink.drain()
        box.maintain(flush=True)
        await uplink.drain()
        client.close()
    assert_without_holes(endpoint)
    assert box.batches.waiting("cloud") == 0
    assert uplink.batches_arrived == box.batches.log.next_sequence
    assert endpoint.counts["dark"] > 0
    box.close()


@in_loop
async def test_after_a_kill_the_uplink_goes_on_where_it_was(tmp_path: Path) -> None:
    now, clock = Clock(), VirtualClock()
    box = Outbox(tmp_path / "a", EACH, clock_ms=now)
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        fill(box, now, 300)
        await uplink_of(client, clock, OutboxSource(box.batches, "cloud")).drain()
        fill(box, now, 300, first=300)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        box.close()
        box = Outbox(tmp_path / "b", EACH, clock_ms=now)
        box.maintain(flush=True)
        await uplink_of(client, clock, OutboxSource(box.batches, "cloud")).drain()
        client.close()
    assert_without_holes(endpoint)
    assert all(len(given) == len(set(given)) for given in sequences(endpoint).values())
    box.close()


@in_loop
async def test_the_outbox_of_another_process_is_followed_and_released(tmp_path: Path) -> None:
    now, clock = Clock(), VirtualClock()
    folder = tmp_path / "io.tidegauge.Modbus" / "outbox"
    box = Outbox(folder, EACH, clock_ms=now)
    # The owner stamps records with the machine's clock, so what was just written is settled soon.
    followed = FollowedOutbox(folder, "kinesis", settled_ms=-60_000)
    assert followed.name == "io.tidegauge.Modbus"
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(client, clock, followed)
        for first in range(0, 1_000, 250):
            fill(box, now, 250, first=first)
            await uplink.drain()
        box.maintain(flush=True)
        await uplink.drain()
        client.close()
    assert_without_holes(endpoint)
    box.maintain()
    assert box.batches.waiting("kinesis") == 0
    again = FollowedOutbox(folder, "kinesis")
    assert again.join() == box.batches.log.next_sequence
    box.close()


def test_what_its_owner_may_not_have_synced_is_not_followed_yet(tmp_path: Path) -> None:
    now = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=now)
    fill(box, now, 100)
    written_at_ms = box.batches.log.read(0)[0].at_ms
    clock: Callable[[], int] = lambda: written_at_ms + SETTLED_MS - 1  # noqa: E731  a moment
    followed = FollowedOutbox(tmp_path / "outbox", "kinesis", clock_ms=clock)
    assert followed.read(followed.join()) == []
    later = FollowedOutbox(tmp_path / "outbox", "kinesis", settled_ms=-60_000)
    assert later.read(0) == box.batches.peek(0)
    assert later.read(7) == box.batches.peek(7)
    box.close()


@in_loop
async def test_an_outbox_that_its_owner_began_anew_is_followed_from_there(tmp_path: Path) -> None:
    now, clock = Clock(), VirtualClock()
    folder = tmp_path / "adapter" / "outbox"
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(client, clock, FollowedOutbox(folder, "kinesis", settled_ms=-60_000))
        for _ in range(2):
            box = Outbox(folder, EACH, clock_ms=now)
            fill(box, now, 100)
            box.maintain(flush=True)
            await uplink.drain()
            count = box.batches.log.next_sequence
            box.maintain()
            assert box.batches.waiting("kinesis") == 0
            box.close()
            shutil.rmtree(folder)
        client.close()
    assert uplink.batches_arrived == 2 * count


def test_a_clock_that_goes_back_does_not_hold_batches_up(tmp_path: Path) -> None:
    now = Clock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=now)
    fill(box, now, 50)
    written_at_ms = box.batches.log.read(0)[0].at_ms
    yesterday = FollowedOutbox(
        tmp_path / "outbox", "kinesis", clock_ms=lambda: written_at_ms - 86_400_000
    )
    assert yesterday.read(0) == box.batches.peek(0)
    box.close()


def test_an_outbox_that_is_not_there_yet_is_followed_from_its_beginning(tmp_path: Path) -> None:
    folder = tmp_path / "late" / "outbox"
    followed = FollowedOutbox(folder, "kinesis", settled_ms=-60_000)
    assert followed.read(followed.join()) == []
    now = Clock()
    box = Outbox(folder, EACH, clock_ms=now)
    fill(box, now, 50)
    assert followed.read(0) == box.batches.peek(0)
    box.close()


@in_loop
async def test_stopping_waits_for_what_is_on_its_way_but_not_for_ever(tmp_path: Path) -> None:
    now, clock = Clock(), VirtualClock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=now)
    fill(box, now, 100)
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(client, clock, OutboxSource(box.batches, "cloud"))
        uplink._feed()
        uplink.stop()
        await uplink.run()
        assert box.batches.waiting("cloud") == 0
        endpoint.blackout = Blackout(0.0, 1e9, clock.now_s)
        fill(box, now, 100)
        uplink = uplink_of(client, clock, OutboxSource(box.batches, "cloud"))
        uplink._feed()
        uplink.stop()
        before_s = clock.at_s
        await uplink.run()
        assert STOP_S <= clock.at_s - before_s < 40.0
        assert box.batches.waiting("cloud") > 0
        client.close()
    box.close()


@in_loop
async def test_the_status_page_shows_what_goes_and_what_waits_of_each_outbox(
    tmp_path: Path,
) -> None:
    now, clock = Clock(), VirtualClock()
    box = Outbox(tmp_path / "outbox", EACH, clock_ms=now)
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        source = OutboxSource(box.batches, "cloud", "io.tidegauge.ModbusAdapter")
        uplink = uplink_of(client, clock, source)
        view = UplinkView("kinesis_uplink", uplink, box)
        fill(box, now, 300)
        box.maintain(flush=True)
        await uplink.drain()
        client.close()
    shown = view()
    pace, under_way = shown.groups
    assert [(one.name, one.value) for one in under_way.fields] == [("ModbusAdapter", 0)]
    assert {one.name: one.value for one in pace.fields}["errors"] == 0
    assert shown.queue["batches_arrived"] == uplink.batches_arrived > 0
    assert "tidegate_queue_pending_bytes" in metrics_text(shown)
    box.close()


@in_loop
async def test_what_waits_in_one_outbox_does_not_keep_anothers_newest_back(tmp_path: Path) -> None:
    now, clock = Clock(), VirtualClock()
    full, other = (Outbox(tmp_path / name, EACH, clock_ms=now) for name in ("full", "other"))
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(
            client, clock, OutboxSource(full.batches, "cloud", "full"),
            OutboxSource(other.batches, "cloud", "other"),
            limits=Limits(pending_bytes_max=2_000),
        )  # fmt: skip
        noise = random.Random(1).randbytes(500).hex()  # a batch that no encoding makes small
        for number in range(5_000):
            full.append_batch(thing="b", sequence=number, samples=1, payload=noise.encode())
        fill(other, now, 20)
        other.maintain(flush=True)
        for _ in range(4):
            await uplink.step()
            await clock.sleep(2.0)
        assert other.batches.waiting("cloud") == 0
        assert full.batches.waiting("cloud") > 1_000
        client.close()
    full.close()
    other.close()


@in_loop
async def test_an_outbox_whose_disk_takes_no_cursor_is_followed_once_it_does(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now, clock = Clock(), VirtualClock()
    folder = tmp_path / "adapter" / "outbox"
    box = Outbox(folder, EACH, clock_ms=now)
    fill(box, now, 50)
    in_the_way = folder / "batches" / "kinesis.cursor.new"
    in_the_way.mkdir()
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        uplink = uplink_of(client, clock)
        assert follow_new([folder], set(), uplink) == set()
        assert "can't be followed name=adapter" in caplog.text
        in_the_way.rmdir()
        assert follow_new([folder], set(), uplink) == {folder}
        (folder / "batches" / "kinesis.cursor").unlink()  # its owner begins anew
        in_the_way.mkdir()
        assert uplink._feed() is False
        assert "can't be read name=adapter" in caplog.text
        client.close()
    box.close()


@in_loop
async def test_two_outboxes_with_one_thing_are_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now, clock = Clock(), VirtualClock()
    boxes = [Outbox(tmp_path / name, EACH, clock_ms=now) for name in ("modbus", "opcua")]
    with Endpoint() as endpoint:
        client = client_of(endpoint)
        sources = [OutboxSource(box.batches, "cloud", box.folder.name) for box in boxes]
        uplink = uplink_of(client, clock, *sources)
        for first in (0, 100, 200):
            for box in boxes:
                fill(box, now, 100, first=first)
                box.maintain(flush=True)
                await uplink.drain()
        assert uplink.owners.shared == dict.fromkeys(
            ("gw-1", "gw-1:press"), frozenset({"modbus", "opcua"})
        )
        assert caplog.text.count("have the thing gw-1,") == 1
        assert UplinkView("u", uplink, boxes[0])().trouble.startswith("two components have one")
        client.close()
    for box in boxes:
        box.close()


def test_a_thing_that_moves_to_another_component_is_not_shared() -> None:
    owners = ThingOwners()
    told = [owners.note("pump", outbox) for outbox in ("a", "a", "b", "b", "c", "c")]
    assert not any(told)
    assert owners.note("pump", "a")


def followed_whole(folder: Path, start: int = 0) -> tuple[list[int], FollowedOutbox]:
    """Return the numbers that one reading after the other gives, and what was read from."""
    followed = FollowedOutbox(folder, "kinesis", settled_ms=-60_000)
    followed.join()
    numbers: list[int] = []
    while entries := followed.read(start):
        numbers += [entry.number for entry in entries]
        start = numbers[-1] + 1
    return numbers, followed


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """An outbox of 3,000 batches of a kilobyte, in segments that take several readings."""
    settings = OutboxSettings(bytes_max=16 << 20, sync=Sync.BATCH)
    box = Outbox(tmp_path / "adapter" / "outbox", settings, clock_ms=Clock())
    for number in range(3_000):
        box.append_batch(thing="b", sequence=number, samples=1, payload=b"%1000d" % number)
    box.close()
    return box.folder


@pytest.mark.parametrize("start", [0, 1_900, 2_100, 2_999])
def test_an_uplink_goes_on_deep_within_a_segment(deep: Path, start: int) -> None:
    assert len(list((deep / "batches").glob("*.seg"))) == 2
    assert followed_whole(deep, start)[0] == list(range(start, 3_000))


@pytest.mark.parametrize("segment", [0, 1])
@pytest.mark.parametrize("at", [0, 3, 30], ids=["size", "size, small", "payload"])
@pytest.mark.parametrize("start", [0, 500, 2_500])
def test_a_damaged_batch_is_passed_over_and_told(
    deep: Path, segment: int, at: int, start: int, caplog: pytest.LogCaptureFixture
) -> None:
    paths = sorted((deep / "batches").glob("*.seg"))
    path, second = paths[segment], int(paths[1].stem)
    base, data = int(path.stem), bytearray(path.read_bytes())
    record_bytes = len(next(sound(data, base))[1].payload) + HEADER_BYTES
    data[100 * record_bytes + at] ^= 0x55
    path.write_bytes(data)
    numbers, followed = followed_whole(deep, start)
    assert numbers == [number for number in range(start, 3_000) if number != base + 100]
    is_read = segment == 1 or start < second
    assert followed.damaged_bytes == (record_bytes if is_read else 0)
    assert ("records are damaged outbox=adapter" in caplog.text) == is_read


def test_a_record_that_is_being_written_is_no_damage(deep: Path) -> None:
    path = max((deep / "batches").glob("*.seg"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-500])
    followed = FollowedOutbox(deep, "kinesis", settled_ms=-60_000)
    followed.join()
    assert [entry.number for entry in followed.read(2_990)] == list(range(2_990, 2_999))
    assert followed.read(2_999) == followed.read(2_999) == []
    path.write_bytes(whole)
    assert [entry.number for entry in followed.read(2_999)] == [2_999]
    assert followed.damaged_bytes == 0


@pytest.mark.parametrize("filler", [b"\0", b"\xa5"], ids=["zeros", "noise"])
@pytest.mark.parametrize("segment", [0, 1])
def test_damage_longer_than_a_reading_is_counted_to_the_byte(
    tmp_path: Path, segment: int, filler: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings = OutboxSettings(bytes_max=32 << 20, sync=Sync.BATCH)
    box = Outbox(tmp_path / "adapter" / "outbox", settings, clock_ms=Clock())
    for number in range(8_000):
        box.append_batch(thing="b", sequence=number, samples=1, payload=b"%1000d" % number)
    box.close()
    path = sorted((box.folder / "batches").glob("*.seg"))[segment]
    base, data = int(path.stem), bytearray(path.read_bytes())
    record_bytes = len(next(sound(data, base))[1].payload) + HEADER_BYTES
    hurt = slice(100 * record_bytes, 3_000 * record_bytes)
    data[hurt] = filler * (hurt.stop - hurt.start)
    path.write_bytes(data)
    followed = FollowedOutbox(box.folder, "kinesis", settled_ms=-60_000)
    followed.join()
    numbers: list[int] = []
    for _ in range(40):  # a long search takes several
        numbers += [entry.number for entry in followed.read(numbers[-1] + 1 if numbers else 0)]
    assert numbers == [n for n in range(8_000) if not base + 100 <= n < base + 3_000]
    assert followed.damaged_bytes == 2_900 * record_bytes
    assert caplog.text.count("records are damaged") == 1


def test_damage_up_to_the_end_of_a_segment_that_is_closed_is_counted_once(
    deep: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = sorted((deep / "batches").glob("*.seg"))
    data = bytearray(first.read_bytes())
    record_bytes = len(next(sound(data, 0))[1].payload) + HEADER_BYTES
    data[-5 * record_bytes :] = bytes(5 * record_bytes)
    first.write_bytes(data)
    # What is behind is not settled yet, so the damage is met at each reading.
    unsettled = FollowedOutbox(deep, "kinesis", settled_ms=3_600_000)
    unsettled.join()
    assert [unsettled.read(int(second.stem) - 1) for _ in range(3)] == [[], [], []]
    assert unsettled.damaged_bytes == 5 * record_bytes
    assert caplog.text.count("records are damaged") == 1
    numbers, followed = followed_whole(deep)
    assert len(numbers) == 2_995
    assert followed.damaged_bytes == 5 * record_bytes
