"""What can't be stored is set aside whole, with its reason, and its neighbours are stored."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.line.line import Line, wait_until
from tests.mqtt_device import HungUpError
from tests.tools.tidectl.publishing import SITE, Publisher
from tidectl.audit import Audit
from tidewire import Batch, column_of, encode, topic

TOPIC = f"dt/tidegauge/{SITE}/{{thing}}/climate"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """One line for all bad input: none of it stops the next."""
    with Line(tmp_path_factory.mktemp("bad-input")) as line:
        yield line


def batch(thing: str, *, ahead_ms: int = 0, at_ms: int | None = None, field: str = "v") -> bytes:
    """Return a batch of one sample whose clock is so far ahead, or stands at `at_ms`."""
    now_ms = time.time_ns() // 1_000_000
    times_ms = [now_ms + ahead_ms if at_ms is None else at_ms]
    return encode(Batch(SITE, thing, "climate", 1, 99, times_ms, [column_of(field, [1.5])]))


BAD: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "garbage": ("payload", lambda _: bytes(range(256))),
    "nothing": ("payload", lambda _: b""),
    "half a batch": ("payload", lambda thing: batch(thing)[:-3]),
    "a newer version": (
        "payload",
        lambda thing: batch(thing).replace(b"\x00\x01", b"\x00\x18\x63", 1),
    ),
    "JSON that is no sample": ("payload", lambda _: b'{"time": "yesterday"}'),
    "another thing's batch": ("identity", lambda _: batch("somebody-else")),
    "a clock in the future": ("future-clock", lambda thing: batch(thing, ahead_ms=3_600_000)),
    "a clock never set": ("unset-clock", lambda thing: batch(thing, at_ms=1_000)),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_set_aside_whole_and_the_rest_is_stored(line: Line, case: str) -> None:
    reason, make = BAD[case]
    thing = f"bad-{list(BAD).index(case)}"
    publisher = Publisher(line.target, line.home, thing)
    payload = make(thing)
    publisher.send([0])
    publisher.publish(topic.BASIC_INGEST_PREFIX + TOPIC.format(thing=thing), payload)
    publisher.send([1])
    publisher.entries(2)
    publisher.close()
    wait_until(f"{case} is set aside", lambda: payload in set_aside(line, reason, thing))
    if case == "a newer version":
        assert "WireVersionError" in set_aside(line, reason, thing)[payload]
    verdict = Audit(line.target).run()
    assert verdict.whole
    assert verdict.rule_failed + verdict.given_up == 0


def test_a_thing_that_publishes_as_another_is_cut_off_and_nothing_is_stored(line: Line) -> None:
    before = Audit(line.target).run(settle_s=0)
    publisher = Publisher(line.target, line.home, "honest-no-more")
    with pytest.raises(HungUpError):
        publisher.publish(TOPIC.format(thing="somebody-else"), batch("somebody-else"))
    assert "honest-no-more" in line.home.local_log.read_text()
    after = Audit(line.target).run(settle_s=0)
    assert (after.samples, after.set_aside) == (before.samples, before.set_aside)


def set_aside(line: Line, reason: str, thing: str) -> dict[bytes, str]:
    """Return the payloads of `thing` in quarantine for `reason`, with their errors."""
    bucket = line.target.stack_outputs()["QuarantineBucketName"]
    storage = line.target.client("s3")
    found: dict[bytes, str] = {}
    for item in storage.list_objects_v2(Bucket=bucket, Prefix=f"{reason}/").get("Contents", ()):
        document: dict[str, Any] = json.loads(
            storage.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        )
        assert document["reason"] == reason
        assert document["error"]
        envelope = json.loads(base64.b64decode(document["data"]))
        if envelope["client"] == thing:
            found[base64.b64decode(envelope["data"])] = document["error"]
    return found
