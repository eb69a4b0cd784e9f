"""Peers that read Modbus: installed in environments of their own, configured, started.

Environments are made once, by pip.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.bench.peers import PEERS, PeerMissingError

PACKAGES = {
    # It installs its own drivers at import, unless they are there in just these versions.
    "thingsboard": (
        "thingsboard-gateway==3.8.5", "pymodbus==3.9.2", "pyserial", "pyserial-asyncio",
    ),
    "modbus4mqtt": ("modbus4mqtt==0.7.1",),
}  # fmt: skip
_INSTALL_S_MAX = 300


def peer_python(name: str) -> Path:
    """Return the peer's Python, installed if need be; raises `PeerMissingError`."""
    folder = PEERS / name
    python = folder / "bin/python"
    if (folder / "installed").exists():
        return python
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=_INSTALL_S_MAX)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *PACKAGES[name]], check=True, timeout=_INSTALL_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissingError(f"{name} can't be installed: {error}") from error
    (folder / "installed").touch()
    return python


def start_thingsboard(
    folder: Path,
    mqtt_port: int,
    device_port: int,
    units: int,
    tags_per_unit: int,
    *,
    period_ms: int = 1000,
) -> "subprocess.Popen[bytes]":
    """Start ThingsBoard's gateway: a slave for each unit, a tag for each register.

    It sends one request for each tag whatever the configuration; there is no setting to merge.
    Timeout and retries are those that it ships with. With a period shorter than all its requests
    take it delivers nothing at all: it begins anew each period.
    """
    python = peer_python("thingsboard")
    package = next((PEERS / "thingsboard").glob("lib/*/site-packages/thingsboard_gateway"))
    settings = json.loads((package / "config/tb_gateway.json").read_text())
    settings["thingsboard"] |= {
        "host": "127.0.0.1", "port": mqtt_port, "remoteConfiguration": False,
        "statistics": {"enable": False},
        "security": {"type": "accessToken", "accessToken": "bench"},
    }  # fmt: skip
    settings["connectors"] = [{"type": "modbus", "name": "modbus", "configuration": "modbus.json"}]
    slaves = [
        {
            "host": "127.0.0.1", "port": device_port, "type": "tcp", "method": "socket",
            "unitId": unit, "deviceName": f"unit{unit}", "deviceType": "default", "timeout": 35,
            "byteOrder": "BIG", "wordOrder": "BIG", "retries": 3, "pollPeriod": period_ms,
            "connectAttemptTimeMs": 1000, "connectAttemptCount": 5,
            "waitAfterFailedAttemptsMs": 30_000, "attributes": [], "attributeUpdates": [],
            "rpc": [],
            "timeseries": [
                {
                    "tag": f"f{number}", "type": "16uint", "functionCode": 3, "objectsCount": 1,
                    "address": number,
                }
                for number in range(tags_per_unit)
            ],
        }
        for unit in range(1, units + 1)
    ]  # fmt: skip
    (folder / "logs").mkdir()
    (folder / "tb_gateway.json").write_text(json.dumps(settings))
    (folder / "modbus.json").write_text(json.dumps({"master": {"slaves": slaves}}))
    (folder / "logs.json").write_text((package / "config/logs.json").read_text())
    return subprocess.Popen(
        [python, "-c", "from thingsboard_gateway.tb_gateway import main; main()"],
        cwd=folder,
        env={**os.environ, "TB_GW_CONFIG_DIR": f"{folder}/"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def start_modbus4mqtt(
    folder: Path, mqtt_port: int, device_port: int, tags: int
) -> "subprocess.Popen[bytes]":
    """Start modbus4mqtt: one unit, since it knows no second; each value at each reading."""
    python = peer_python("modbus4mqtt")
    settings = {
        "ip": "127.0.0.1", "port": device_port, "update_rate": 1, "device_address": 1,
        "scan_batching": 100,
        "registers": [
            {
                "pub_topic": f"f{number}", "address": number, "table": "holding",
                "pub_only_on_change": False,
            }
            for number in range(tags)
        ],
    }  # fmt: skip
    (folder / "modbus.yaml").write_text(yaml.safe_dump(settings))
    return subprocess.Popen(
        [
            python.parent / "modbus4mqtt", "--hostname", "127.0.0.1", "--port", str(mqtt_port),
            "--config", folder / "modbus.yaml", "--mqtt_topic_prefix", "unit1",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
