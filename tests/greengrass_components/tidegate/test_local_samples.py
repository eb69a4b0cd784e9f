"""Samples from the gateway's own bus: kept in the outbox, or refused and counted."""

import json
from pathlib import Path

from tidegate.local_samples import LocalSamples
from tidegate.outbox import Outbox
from tidewire import Batch, column_of, decode, encode, real_values

NOW_MS = 1_790_000_000_000


def test_json_senml_and_batches_become_samples_of_the_gateways_parts(tmp_path: Path) -> None:
    box = Outbox(tmp_path / "samples")
    local = LocalSamples(box, site="plant", gateway="gw-1", clock_ms=lambda: NOW_MS)
    local.take("tidegauge/samples/scale-1/weight", {"weight_kg": 12.5})
    local.take("tidegauge/samples/scale-1/weight", b'{"weight_kg": 13}')
    senml = [{"bn": "x:", "bt": NOW_MS / 1000, "n": "level_m", "v": 2.5}]
    local.take("tidegauge/samples/tank/level", json.dumps(senml).encode())
    batch = Batch("else", "else", "m", 1, 2, [NOW_MS], [column_of("on", [True])])
    local.take("tidegauge/samples/pump/state", encode(batch))
    for topic, message in (
        ("short", b"{}"), ("tidegauge/samples/a b/m", {"x": 1}), ("t/p/m", b"no JSON"),
        ("t/p/m", {"x": {"deep": 1}}), ("t/p/m", b""), ("t/p/M", {"x": 1}),
    ):  # fmt: skip
        local.take(topic, message)
    assert (local.messages, local.refused, box.accepted_samples) == (10, 6, 4)
    box.maintain(flush=True)
    found = [decode(entry.payload) for entry in box.batches.peek(0)]
    shown = sorted(
        (one.thing, one.measurement, [[c.name, *real_values(c)] for c in one.columns])
        for one in found
    )
    assert shown == [
        ("gw-1:pump", "state", [["on", True]]),
        ("gw-1:scale-1", "weight", [["weight_kg", 12.5, 13.0]]),
        ("gw-1:tank", "level", [["level_m", 2.5]]),
    ]
    box.close()
