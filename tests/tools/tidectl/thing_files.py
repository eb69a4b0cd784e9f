"""Make a thing's folder as provisioning does, with no cloud: for tests that never connect."""

import json
from typing import Any

from tests.firmware.lib.tidenode.identities import authority, thing
from tidectl.firmware_image import build_image, save_image
from tidectl.home import Home
from tidectl.thing import ThingFolder

SETTINGS: dict[str, Any] = {
    "measurements": [{"name": "climate", "driver": "bme280", "period_ms": 50}],
    "batch": {"age_ms_max": 200},
    "outbox": {"sync_batches": 1},
    "clock": {"sntp_host": None},
}


def make_thing(home: Home, name: str, **settings: Any) -> ThingFolder:
    """Return the folder of a thing with a broker that nobody is at."""
    folder = ThingFolder(home.make(home.thing_folder(name)))
    issuer = authority()
    board = thing(issuer)
    broker = {"host": "127.0.0.1", "port": 9}
    config = {"thing": name, "site": "home", "broker": broker, **SETTINGS, **settings}
    facts = {
        "target": "local", "region": "us-east-1", "site": "home", "broker": broker,
        "certificate_id": "ab" * 32, "certificate_arn": "arn:aws:iot:x:1:cert/" + "ab" * 32,
    }  # fmt: skip
    parts = (board.certificate_der(), board.key_der(), issuer.certificate_der())
    for path, data in zip(
        (folder.certificate_path, folder.key_path, folder.root_path), parts, strict=True
    ):
        path.write_bytes(data)
    folder.config_path.write_text(json.dumps(config))
    (folder.path / "thing.json").write_text(json.dumps(facts))
    save_image(folder.image_path, build_image(config, *parts))
    return folder
