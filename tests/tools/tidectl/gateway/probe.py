"""A component of a test's own: its recipe, and a program that says what it finds."""

from pathlib import Path
from typing import Any

import yaml

NAME = "io.tidegauge.Probe"
MAIN = """
import asyncio, os, time
from tidegate.ipc import IpcClient
from tidewire import Batch, column_of, encode, topic

async def hear(client, told):
    while True:
        await told.wait()
        told.clear()
        mode = (await client.configuration(["mode"]))["mode"]
        if mode in ("publish", "quiet"):
            print("configuration read again", flush=True)
        else:
            print(f"configuration stays as it was: mode is {mode!r}", flush=True)

async def main():
    async with IpcClient.from_environment() as client:
        settings = await client.configuration()
        print("site", settings["site"], "mode", settings["mode"], flush=True)
        told = asyncio.Event()
        await client.subscribe_to_configuration_updates(lambda *_: told.set())
        hearing = asyncio.create_task(hear(client, told))
        thing, sequence = os.environ["AWS_IOT_THING_NAME"], 0
        while settings["mode"] == "publish":
            columns = [column_of("level_m", [1.5])]
            batch = Batch(
                settings["site"], thing, "probe", 1, sequence, [time.time_ns() // 10**6], columns
            )
            await client.publish_to_iot_core(
                topic.build(settings["site"], thing, "probe"), encode(batch)
            )
            sequence += 1
            await asyncio.sleep(0.5)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


def write_probe(folder: Path, *, version: str = "1.0.0", **changes: Any) -> Path:
    """Write the component into `folder` and return it; `changes` are to its defaults or `run`."""
    folder.mkdir(parents=True, exist_ok=True)
    run = changes.pop(
        "run",
        f'exec "{{work:path}}/venv-{version}/bin/python" '
        f'"{{work:path}}/venv-{version}/component/main.py"',
    )
    install = (
        'python3 "{artifacts:path}/install.py" '
        f'--bundle "{{artifacts:path}}/{folder.name}.zip" --venv "{{work:path}}/venv-{version}"'
    )
    uri = "s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/"
    recipe = {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": NAME,
        "ComponentVersion": version,
        "ComponentConfiguration": {
            "DefaultConfiguration": {
                "site": "home",
                "mode": "publish",
                "status_port": "0",
                "accessControl": {
                    "aws.greengrass.ipc.mqttproxy": {
                        f"{NAME}:mqttproxy:1": {
                            "operations": ["aws.greengrass#PublishToIoTCore"],
                            "resources": ["dt/tidegauge/*"],
                        }
                    }
                },
                **changes,
            }
        },
        "Manifests": [
            {
                "Platform": {"os": "linux", "runtime": "*"},
                "Lifecycle": {
                    "install": {"Timeout": "600", "Script": install},
                    "run": {"Script": run},
                },
                "Artifacts": [{"Uri": f"{uri}install.py"}, {"Uri": f"{uri}{folder.name}.zip"}],
            }
        ],
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    (folder / "main.py").write_text(MAIN)
    return folder
