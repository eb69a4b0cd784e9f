"""Put batches of known numbers on the line, as a board would, for tests that read them back."""

from collections.abc import Iterable

from tests.local_cloud import Certificate, wait_for
from tests.mqtt_device import MqttDevice
from tidectl.home import Home
from tidectl.ledger import Entry, Ledger
from tidectl.query_api import QueryApi
from tidectl.target import Target
from tidectl.thing import provision
from tidewire import Batch, column_of, encode, topic

SITE = "lab"
SAMPLES = 5
START_MS = 1_795_000_000_000  # in the past, and the same each time


class Publisher:
    """A thing of `target` that publishes batches of `SAMPLES` samples, one a second."""

    def __init__(self, target: Target, home: Home, thing: str) -> None:
        self.thing = thing
        folder = provision(target, home, thing, site=SITE, board=False)
        assert target.local
        facts = {
            "ca_path": target.local.ca_path,
            "mqtt_host": target.local.mqtt_host,
            "mqtt_port": target.local.mqtt_port,
        }
        pem = Certificate(*folder.pem_paths(), folder.facts()["certificate_arn"])
        self._device = MqttDevice(facts, pem, thing)
        self._ledger = Ledger(QueryApi(target))

    def send(
        self, sequences: Iterable[int], *, measurement: str = "climate", boot: int = 1,
        shift_ms: int = 0,
    ) -> None:  # fmt: skip
        """Publish these batches; the time of each follows from its sequence and `shift_ms`."""
        for sequence in sequences:
            first_ms = START_MS + shift_ms + sequence * SAMPLES * 1_000
            batch = Batch(
                SITE,
                self.thing,
                measurement,
                boot,
                sequence,
                [first_ms + 1_000 * number for number in range(SAMPLES)],
                [column_of("temperature_c", [20.5 + number for number in range(SAMPLES)])],
            )
            name = topic.BASIC_INGEST_PREFIX + topic.build(SITE, self.thing, measurement)
            self.publish(name, encode(batch))

    def publish(self, name: str, payload: bytes) -> None:
        """Publish any payload to any topic and wait until it is acknowledged."""
        self._device.publish(name, payload)

    def entries(self, count: int) -> list[Entry]:
        """Return the thing's ledger entries once there are `count`."""

        def found() -> list[Entry]:
            entries = list(self._ledger.of_thing(self.thing))
            return entries if len(entries) >= count else []

        entries: list[Entry] = wait_for(f"{count} batches of {self.thing}", found, within_s=30)
        assert len(entries) == count
        return entries

    def close(self) -> None:
        """Hang up."""
        self._device.close()
