"""This machine as a thing: its own sensors, published over MQTT with AWS's device SDK.

Flow: host sensors -> [host thing] -> MQTT 5, mutual TLS -> broker
Bounded: at `WAITING_MAX` unacknowledged batches the newest is dropped and counted. Nothing is
kept over an end of the process: what is not acknowledged by then is lost, and its sequence
number tells so. (A board and a gateway keep theirs on flash and disk.)
"""

import json
import threading
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from awscrt import mqtt5
from awsiot import mqtt5_client_builder
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tidectl.errors import TidectlError
from tidectl.instants import now_ms
from tidectl.thing import ThingFolder
from tidegate.host.sensors import MEASUREMENT, HostSensors
from tidewire import Batch, column_of, encode, topic

WAITING_MAX = 600  # ten minutes of one batch a second
CONNECT_S_MAX = 15.0
_STOP_S_MAX = 10.0


@dataclass(slots=True)
class Counters:
    """The boot and the next sequence number, which go on over starts of this program."""

    boot: int
    sequence: int


class HostThing:
    """Samples every `period_s` and publishes batches of `batch_samples`, in a thread of its own.

    `sampled`, `acknowledged` and `dropped` count samples since the start.
    """

    def __init__(
        self, folder: ThingFolder, *, period_s: float = 1.0, batch_samples: int = 1
    ) -> None:
        self.sampled = self.acknowledged = self.dropped = 0
        self.connected = False
        self._folder = folder
        self._site: str = folder.facts()["site"]
        self._period_s = period_s
        self._batch_samples = batch_samples
        self._sensors = HostSensors()
        self._counters_path = folder.path / "counters.json"
        self._counters = _read_counters(self._counters_path)
        self._waiting: dict[int, int] = {}  # sequence -> samples of what is not acknowledged
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._stopped = threading.Event()
        self._failure = ""
        self._client = self._make_client()
        self._thread = threading.Thread(target=self._run, name="host-thing", daemon=True)

    def start(self) -> None:
        """Connect and begin; raises `TidectlError` when the broker does not take us."""
        self._client.start()
        with self._changed:
            self._changed.wait_for(lambda: self.connected or self._failure, CONNECT_S_MAX)
        if not self.connected:
            self._client.stop()
            raise TidectlError(
                f"{self._folder.thing} can't connect: {self._failure or 'no answer'}",
                "is its certificate of this cloud? else: tidectl provision "
                f"{self._folder.thing} --rotate",
            )
        self._counters.boot += 1
        self._keep_counters()
        self._thread.start()

    def stop(self, drain_s: float = _STOP_S_MAX) -> None:
        """Stop sampling, wait for what is not acknowledged, disconnect."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            with self._changed:
                self._changed.wait_for(lambda: not self._waiting, drain_s)
        self._client.stop()
        self._stopped.wait(_STOP_S_MAX)

    @property
    def waiting(self) -> int:
        """How many batches are not acknowledged."""
        return len(self._waiting)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        times_ms: list[int] = []
        samples: list[dict[str, int | float]] = []
        while True:
            ending = self._stopping.wait(self._period_s)
            if not ending:
                times_ms.append(now_ms())
                samples.append(self._sensors.read())
                self.sampled += 1
            if samples and (ending or len(samples) >= self._batch_samples):
                self._publish(times_ms, samples)
                times_ms, samples = [], []
            if ending:
                return

    def _publish(self, times_ms: list[int], samples: list[dict[str, int | float]]) -> None:
        sequence = self._counters.sequence
        self._counters.sequence += 1
        self._keep_counters()  # before it is sent: no number is used twice
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += len(samples)
            return
        names = sorted({name for sample in samples for name in sample})
        batch = Batch(
            self._site,
            self._folder.thing,
            MEASUREMENT,
            self._counters.boot,
            sequence,
            times_ms,
            [column_of(name, [sample.get(name) for sample in samples]) for name in names],
        )
        with self._changed:
            self._waiting[sequence] = len(samples)
        packet = mqtt5.PublishPacket(
            topic=topic.BASIC_INGEST_PREFIX
            + topic.build(self._site, self._folder.thing, MEASUREMENT),
            payload=encode(batch),
            qos=mqtt5.QoS.AT_LEAST_ONCE,
        )
        done: Future[Any] = self._client.publish(packet)
        done.add_done_callback(lambda future: self._settle(sequence, future))

    def _settle(self, sequence: int, done: "Future[Any]") -> None:
        """Note what the broker said; the client itself repeats over reconnects."""
        with self._changed:
            samples = self._waiting.pop(sequence)
            failed = done.exception() is not None or done.result().puback.reason_code.value >= 128  # noqa: PLR2004  MQTT 5: an error
            if failed:
                self.dropped += samples
            else:
                self.acknowledged += samples
            self._changed.notify_all()

    def _keep_counters(self) -> None:
        draft = self._counters_path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self._counters)))
        draft.replace(self._counters_path)

    def _make_client(self) -> mqtt5.Client:
        certificate_path, key_path = self._folder.pem_paths()
        broker = self._folder.facts()["broker"]
        root = x509.load_der_x509_certificate(self._folder.root_path.read_bytes())
        return mqtt5_client_builder.mtls_from_bytes(
            certificate_path.read_bytes(),
            key_path.read_bytes(),
            endpoint=broker["host"],
            port=broker["port"],
            ca_bytes=root.public_bytes(Encoding.PEM),
            client_id=self._folder.thing,
            on_lifecycle_connection_success=lambda _: self._note(connected=True),
            on_lifecycle_connection_failure=lambda data: self._note(
                connected=False, failure=str(data.exception)
            ),
            on_lifecycle_disconnection=lambda _: self._note(connected=False),
            on_lifecycle_stopped=lambda _: self._stopped.set(),
        )

    def _note(self, *, connected: bool, failure: str = "") -> None:
        with self._changed:
            self.connected = connected
            self._failure = failure
            self._changed.notify_all()


def _read_counters(path: Path) -> Counters:
    try:
        document = json.loads(path.read_bytes())
        return Counters(int(document["boot"]), int(document["sequence"]))
    except FileNotFoundError:
        return Counters(0, 0)
    except (ValueError, KeyError, TypeError) as error:
        raise TidectlError(
            f"{path} does not hold the counters of a thing: {error}", "remove it"
        ) from error
