"""The bridge's status page: what came last of each thing, and what could not be understood."""

import json
from pathlib import Path

from tests.greengrass_components.tidegate.mqtt.test_intake import AT_MS, TOPIC, batch
from tidegate.mqtt.bridge import Bridge
from tidegate.mqtt.bridge_view import BridgeView
from tidegate.mqtt.errors import MessageError
from tidegate.mqtt.intake import LATEST_MAX, MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import read_settings
from tidegate.outbox import Outbox
from tidegate.status_page import FieldState

ROUTES = {
    "boards": {"filter": "dt/tidegauge/+/+/+", "format": "batch"},
    "scales": {
        "filter": "scales/+/+", "format": "value", "thing_level": 1, "measurement": "scales",
        "field_level": 2,
    },
}  # fmt: skip


def test_it_shows_the_newest_values_the_broker_and_what_is_set_aside(tmp_path: Path) -> None:
    settings = read_settings({"routes": ROUTES})
    outbox = Outbox(tmp_path / "outbox")
    intake = MessageIntake(settings.routes, outbox, site="farm", gateway="gw")
    set_aside = SetAside(tmp_path / "set_aside.jsonl")
    view = BridgeView(settings, Bridge(settings, intake, set_aside), intake, set_aside, outbox)

    intake.take(TOPIC, batch(), AT_MS)
    intake.take("scales/s1/kg", b"12.5", AT_MS + 5)
    intake.take("scales/s1/stable", b"true", AT_MS + 9)
    intake.take("scales/s1/kg", b"11", AT_MS + 2)  # late: the newer one stays
    set_aside.keep("scales/s1/kg", b"\xff", MessageError("payload", "no UTF-8"), AT_MS)

    shown = view()
    groups = {(one.thing, one.measurement): one for one in shown.groups}
    board, scales = groups["board-1", "climate"], groups["gw:s1", "scales"]
    assert (board.at_ms, board.fields) == (AT_MS + 1000, (FieldState("temperature_c", 21.7),))
    assert (scales.at_ms, scales.fields) == (
        AT_MS + 9, (FieldState("kg", 12.5), FieldState("stable", True)),
    )  # fmt: skip
    assert [(bus.name, bus.is_up) for bus in shown.buses] == [("broker", False)]
    assert shown.trouble == "no broker at 127.0.0.1:1883"
    assert (shown.queue["set_aside"], shown.counts["set_aside_payload"]) == (1, 1)
    json.dumps(shown.document())
    outbox.close()


def test_what_it_keeps_to_show_is_bounded(tmp_path: Path) -> None:
    settings = read_settings({"routes": ROUTES})
    outbox = Outbox(tmp_path / "outbox")
    intake = MessageIntake(settings.routes, outbox, site="farm", gateway="gw")
    for number in range(LATEST_MAX + 5):
        intake.take(f"scales/s{number}/kg", b"1", AT_MS)
    assert len(intake.latest) == LATEST_MAX
    assert intake.samples == LATEST_MAX + 5
    outbox.close()
