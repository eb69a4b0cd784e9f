"""What the status page shows of the bridge: the broker, what came last, what is set aside."""

import time

from tidegate.mqtt.bridge import Bridge
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import MqttSettings
from tidegate.outbox import Outbox
from tidegate.status_page.snapshot import BusState, FieldState, GroupState, Snapshot

_NS_PER_MS = 1_000_000


class BridgeView:
    """Looks at the parts of a bridge; calls come from one event loop."""

    def __init__(
        self,
        settings: MqttSettings,
        bridge: Bridge,
        intake: MessageIntake,
        set_aside: SetAside,
        outbox: Outbox,
    ) -> None:
        self._settings, self._bridge, self._intake = settings, bridge, intake
        self._set_aside, self._outbox = set_aside, outbox
        self._started_at_ms = time.time_ns() // _NS_PER_MS

    def __call__(self) -> Snapshot:
        """Return how things are now."""
        bridge, intake, outbox = self._bridge, self._intake, self._outbox
        set_aside = self._set_aside.counts
        return Snapshot(
            title="mqtt_bridge",
            started_at_ms=self._started_at_ms,
            now_ms=time.time_ns() // _NS_PER_MS,
            fill=outbox.pressure.fill,
            groups=[
                GroupState(
                    thing, measurement, newest.at_ms,
                    fields=tuple(FieldState(name, one) for name, one in newest.values.items()),
                )
                for (thing, measurement), newest in intake.latest.items()
            ],
            buses=[
                BusState(
                    "broker", bridge.is_connected, 0.0, bridge.messages,
                    max(bridge.connects - 1, 0), 0,
                )
            ],
            queue={
                "messages": bridge.messages,
                "batches": intake.batches,
                "outbox_bytes": outbox.size_bytes,
                "set_aside": set_aside.total(),
            },
            counts={
                "samples": intake.samples,
                "refused": bridge.refused,
                "connects": bridge.connects,
                "rebirths": bridge.rebirths,
                **{f"set_aside_{reason}": count for reason, count in set_aside.items()},
                **{f"dropped_{name}": count for name, count in outbox.dropped.items()},
            },
            trouble=""
            if bridge.is_connected
            else f"no broker at {self._settings.host}:{self._settings.port}",
        )  # fmt: skip
