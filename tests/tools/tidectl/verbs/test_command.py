"""`tidectl command`: asked of a thing that answers as a board does, over the real broker."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.firmware.lib.tidenode.broker import publish_packet
from tests.local_cloud import Certificate, CloudProcess
from tests.mqtt_device import MqttDevice
from tests.tools.tidectl.conftest import Run
from tidectl.home import Home
from tidectl.target import Target
from tidectl.thing import provision


@contextmanager
def answering(
    cloud: CloudProcess, target: Target, home: Home, thing: str, answer: Callable[[object], bytes]
) -> Iterator[list[object]]:
    """Answer one command as `thing`, which is made; yield what was asked."""
    folder = provision(target, home, thing, board=False)
    certificate = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
    asked: list[object] = []
    with MqttDevice(cloud.facts, certificate, thing) as device:
        device.subscribe(f"cmd/tidegauge/{thing}/+")

        def answer_one() -> None:
            topic, body = device.message()
            asked.append(json.loads(body))
            device.send(publish_packet(f"{topic}/answer", answer(asked[0])))

        thread = threading.Thread(target=answer_one, daemon=True)
        thread.start()
        yield asked
        thread.join()


def test_an_answer_is_printed(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    answer = {"temperature_c": "21.50", "humidity_percent": None}
    with answering(
        local_cloud, deployed, shared_home, "command-1", lambda _: json.dumps(answer).encode()
    ) as asked:
        done = tidectl("command", "command-1", "read", "climate", home=shared_home.path)
    assert asked == [{"command": "read", "measurement": "climate"}]
    assert done.out.splitlines() == ["humidity_percent  ", "temperature_c     21.50"]


def test_an_answer_that_is_an_error_fails_with_its_words(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    with answering(
        local_cloud, deployed, shared_home, "command-2", lambda _: b'{"error": "no sensor"}'
    ):
        done = tidectl("command", "command-2", "stats", "--json", home=shared_home.path)
    assert done.complaint() == "command-2 could not do it: no sensor"
    assert done.json() == {
        "thing": "command-2",
        "command": {"command": "stats"},
        "answer": {"error": "no sensor"},
    }


def test_garbage_is_no_answer(
    tidectl: Run, shared_home: Home, deployed: Target, local_cloud: CloudProcess
) -> None:
    with answering(local_cloud, deployed, shared_home, "command-3", lambda _: b"\xff"):
        done = tidectl("command", "command-3", "ping", home=shared_home.path)
    assert "answered what can't be read" in done.complaint()


def test_mistakes_and_silence_are_one_clear_line(
    tidectl: Run, shared_home: Home, deployed: Target
) -> None:
    home = shared_home.path
    provision(deployed, shared_home, "command-4", board=False)
    done = tidectl("command", "command-4", "ping", "--timeout", "0.2", home=home)
    assert done.complaint() == "command-4 did not answer in 0.2 s"
    assert "tidectl job create" in done.err
    assert tidectl("command", "command-9", "ping", home=home).complaint() == (
        "there is no thing command-9"
    )
    for words in (["ping", "now"], ["read"], ["read", "a", "b"], ["fly"]):
        assert tidectl("command", "command-4", *words, home=home).code == 2
