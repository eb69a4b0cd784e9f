"""Take samples that other components publish on the gateway's own bus.

Flow: any component, in any language ~local pub/sub~> [local samples] -> outbox -> uplink
Topic `tidegauge/samples/<part>/<measurement>`, message a flat JSON object, SenML or a tidewire
batch; the thing becomes `<gateway>:<part>`. What can't be read is counted and told in the log.
The bus keeps nothing: a sample is safe from the moment it is in the outbox.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.errors import GateError
from tidegate.outbox import Outbox
from tidegate.stream import Stream
from tidewire import WireError, decode, real_values
from tidewire.foreign import decode as decode_foreign

log = logging.getLogger("tidegate.local_samples")

_LEVELS = 2  # of the topic, at its end
_BATCH = range(0xA0, 0xC0)  # the first byte of a tidewire batch


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class LocalSamples:
    """Keeps in `outbox` what `take` is given; counts messages and those it refused."""

    def __init__(
        self, outbox: Outbox, *, site: str, gateway: str, clock_ms: Callable[[], int] = _now_ms
    ) -> None:
        self._outbox, self._site, self._gateway = outbox, site, gateway
        self._clock_ms = clock_ms
        self.messages = self.refused = 0

    def take(self, topic: str, message: bytes | Mapping[str, Any]) -> None:
        """Take one message; never raises."""
        self.messages += 1
        try:
            self._keep(topic, message)
        except (GateError, WireError, ValueError, OSError) as error:
            self.refused += 1
            log.warning("message refused topic=%s: %s", topic, error)

    def _keep(self, topic: str, message: bytes | Mapping[str, Any]) -> None:
        levels = topic.split("/")
        if len(levels) <= _LEVELS:
            raise ValueError(f"no part and measurement at the end of {topic!r}")
        part, measurement = levels[-_LEVELS:]
        thing = f"{self._gateway}:{part}"
        data = message if isinstance(message, bytes) else json.dumps(dict(message)).encode()
        if data and data[0] in _BATCH:
            batch = decode(data)
        else:
            batch = decode_foreign(data, self._site, thing, measurement, self._clock_ms())
        fields = tuple(column.name for column in batch.columns)
        stream = Stream(self._site, thing, measurement, fields)
        columns = [real_values(column) for column in batch.columns]
        for time_ms, *row in zip(batch.times_ms, *columns, strict=True):
            self._outbox.append(stream, time_ms, row)
