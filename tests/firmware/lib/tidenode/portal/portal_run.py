"""Run the portal on the VM until it has written the configuration: FOLDER and JSON of ports."""

import asyncio
import gc
import json
import sys

import network

from tidenode import portal

folder, given = sys.argv[1], json.loads(sys.argv[2])
network.portal_ports = tuple(given["ports"])
network.around = {name: tuple(one) for name, one in given["around"].items()}
portal.ANSWER_MS = 200
portal.IDLE_MS_MAX = given.get("idle_ms", 60_000)
portal.JOIN_MS_MAX = 500


class Hardware:
    @staticmethod
    def unique_id():
        return b"\x24\x0a\xc4\xab\xcd\xef"


def deaf(_):
    raise OSError(110)


gc.collect()
before = gc.mem_alloc()
one = portal.Portal(Hardware, network, folder)
for name, network_later in given.get("later", {}).items():  # switched on since it looked
    network.around[name] = tuple(network_later)
if given.get("deaf"):
    network.WLAN.scan = deaf
asyncio.run(one.run())
gc.collect()
settings = dict(network.settings)
settings["growth"] = gc.mem_alloc() - before
settings["active"] = network.WLAN(network.AP_IF).active()
print(json.dumps(settings))
