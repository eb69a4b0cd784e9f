"""`tidectl up`: the local cloud in the background, the stack deployed to it."""

from typing import Any

import click

from tidectl.home import Home
from tidectl.local_process import LocalFacts, LocalProcess
from tidectl.options import examples, json_option, local_port_options, pass_home
from tidectl.output import err, print_json, say
from tidectl.stack import deploy
from tidectl.target import local_target
from tidectl.verbs.deploy import EventLine


@click.command(
    epilog=examples(
        "tidectl up",
        "tidectl up --http-port 0 --mqtt-port 0 --store-port 0   # any free ports",
    )
)
@local_port_options
@json_option
@pass_home
def command(home: Home, http_port: int, mqtt_port: int, store_port: int, as_json: bool) -> None:
    """Start the local cloud and deploy the stack to it.

    Runs in the background on loopback until `tidectl down`; needs no AWS account. When it runs
    already, only what changed in the checkout is deployed.
    """
    process = LocalProcess(home)
    running = process.facts() is not None
    with err.status("starting the local cloud"):
        facts = process.start(http_port=http_port, mqtt_port=mqtt_port, store_port=store_port)
    say(f"local cloud {'runs already' if running else 'started'}, process {facts.pid}")
    with EventLine("deploying") as line:
        deployment = deploy(local_target(facts), on_event=line.show)
    say(f"stack deployed, {len(deployment.changes)} resources changed")
    if as_json:
        print_json(_document(facts, len(deployment.changes)))
        return
    say(f"AWS APIs {facts.http_url}   broker {facts.mqtt_host}:{facts.mqtt_port}"
        f"   store {facts.store_url}")  # fmt: skip
    say("next: tidectl provision greenhouse-1 --site farm")


def _document(facts: LocalFacts, changes: int) -> dict[str, Any]:
    return {
        "pid": facts.pid,
        "http_url": facts.http_url,
        "mqtt_host": facts.mqtt_host,
        "mqtt_port": facts.mqtt_port,
        "store_url": facts.store_url,
        "changes": changes,
    }
