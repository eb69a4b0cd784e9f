"""Another MQTT client on the VM, over mutual TLS: `peer_run.py CASE CLIENT FOLDER PORT N`.

The client is in a ROMFS, whose path is TIDEGAUGE_ROM; FOLDER has the identity as DER. A case is
a function below, a client one of the classes. Prints JSON.
"""

import gc
import json
import os
import sys
import time

import mapped_flash
import vfs

SIZE = 200  # bytes of a publish
TOPIC = b"dt/tidegauge/farm/board-1/m"
WINDOW = 16
WAIT_MS_MAX = 10_000


def heap_bytes():
    gc.collect()
    return gc.mem_alloc()


def tls():
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    parts = []
    for name in ("certificate", "key", "root"):
        with open("%s/%s.der" % (sys.argv[3], name), "rb") as file:
            parts.append(file.read())
    context.load_cert_chain(parts[0], parts[1])
    context.load_verify_locations(cadata=parts[2])
    return context


class OldSsl:
    """The module `ussl` of the MicroPython that the clients were written for."""

    @staticmethod
    def wrap_socket(sock):
        sock.setsockopt(6, 1, 1)  # TCP_NODELAY, else each publish waits 40 ms for the peer's kernel
        return tls().wrap_socket(sock, server_hostname="127.0.0.1")


class Network:
    """A Wi-Fi that is there."""

    STA_IF = 0
    STAT_CONNECTING = 1

    def __init__(self, _=0):
        pass

    WLAN = None

    def isconnected(self):
        return True

    @staticmethod
    def unique_id():
        return b"board1"


class Simple:
    """umqtt.simple: each publish blocks until it is acknowledged."""

    module = "umqtt.simple"

    async def connect(self, port):
        self.client = sys.modules[self.module].MQTTClient(
            "board-1", "127.0.0.1", port, keepalive=1, ssl=True
        )
        self.client.set_callback(print)
        self.client.connect()

    async def publish(self, count):
        for _ in range(count):
            self.client.publish(TOPIC, bytes(SIZE), qos=1)

    async def turn(self):
        self.client.check_msg()

    async def ping(self):
        self.client.ping()


class Simple2(Simple):
    """umqtt.simple2: publishes wait for no acknowledgement; the window is ours."""

    module = "umqtt.simple2"

    async def publish(self, count):
        client, sent = self.client, 0
        while sent < count or client.rcv_pids:
            if sent < count and len(client.rcv_pids) < WINDOW:
                client.publish(TOPIC, bytes(SIZE), qos=1)
                sent += 1
            else:
                client.check_msg()


class Async:
    """mqtt_async: as many tasks publish as others have in flight."""

    module = "mqtt_async"

    async def connect(self, port):
        import asyncio
        import socket

        module = sys.modules[self.module]
        module.log.info = module.log.debug

        async def open_connection(_):
            sock = socket.socket()
            sock.connect(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            sock = OldSsl.wrap_socket(sock)
            sock.setblocking(False)
            return asyncio.StreamReader(sock)

        module.open_connection = open_connection  # its own has no TLS
        config = module.config
        config.server, config.port, config.clean, config.response_time = "127.0.0.1", port, False, 1
        self.client = module.MQTTClient(config)
        await self.client.connect()

    async def publish(self, count):
        import asyncio

        async def some(number):
            for _ in range(number, count, WINDOW):
                await self.client.publish(TOPIC, bytes(SIZE), qos=1)

        await asyncio.gather(*[some(number) for number in range(WINDOW)])

    async def turn(self):
        if self.client._proto is None:
            raise OSError("it connects anew")

    async def ping(self):
        pass  # it does


async def carry(client, port, count):
    """Publish `count` twice; heaps are of all that the client needs, beside an empty VM's."""
    empty_bytes = BEFORE
    await client.connect(port)
    await client.publish(1)
    connected_bytes = heap_bytes() - empty_bytes
    began_us = time.ticks_us()
    await client.publish(count)
    took_us = time.ticks_diff(time.ticks_us(), began_us)
    early_bytes = heap_bytes()
    await client.publish(count)
    late_bytes = heap_bytes()
    return {
        "imported_bytes": IMPORTED,
        "connected_bytes": connected_bytes,
        "steady_bytes": late_bytes - empty_bytes,
        "growth_bytes": late_bytes - early_bytes,
        "per_s": count * 1_000_000 // took_us,
    }


async def notice(client, port, _):
    """Return when a link that is idle is found dead, in ns since 1970; None if it is not."""
    import asyncio

    await client.connect(port)
    began_ms = pinged_ms = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began_ms) < WAIT_MS_MAX:
        try:
            await client.turn()
            if time.ticks_diff(time.ticks_ms(), pinged_ms) >= 500:
                pinged_ms = time.ticks_ms()
                await client.ping()
        except Exception:
            return time.time_ns()
        await asyncio.sleep_ms(10)
    return None


def json_samples():
    """Samples a second, and bytes a sample, of two slow fields, each sample a message."""
    samples = [
        {
            "time": 1_790_000_000_000 + 1_000 * i + i * 7 % 3,
            "temperature_c": (2_150 + i // 4 + i * 5 % 3) / 100,
            "humidity_percent": (5_210 - i // 3 + i * 7 % 5) / 100,
        }
        for i in range(60)
    ]
    size, began_us = 0, time.ticks_us()
    for _ in range(100):
        for sample in samples:
            size += len(json.dumps(sample))
    took_us = time.ticks_diff(time.ticks_us(), began_us)
    return [6_000 * 1_000_000 // took_us, size / 6_000]


def imported_bytes(module):
    """Import what the client builds on, then the client; return the heap of the client alone."""
    import asyncio
    import socket
    import ssl

    for name in ("Event", "Lock", "StreamReader", "wait_for", "gather", "open_connection"):
        getattr(asyncio, name)
    assert socket, "is held"
    assert ssl, "is held"
    sys.path.insert(0, "/peer")
    before = heap_bytes()
    __import__(module)
    return heap_bytes() - before


if sys.argv[1] == "json":
    print(json.dumps(json_samples()))
else:
    Network.WLAN = Network
    sys.modules["ussl"], sys.modules["network"], sys.modules["machine"] = OldSsl, Network, Network
    vfs.mount(vfs.VfsRom(mapped_flash.load(os.getenv("TIDEGAUGE_ROM"))), "/peer")
    CLIENT = globals()[sys.argv[2]]()
    CASE = globals()[sys.argv[1]]
    BEFORE = heap_bytes()
    IMPORTED = imported_bytes(CLIENT.module)
    import asyncio

    print(json.dumps(asyncio.run(CASE(CLIENT, int(sys.argv[4]), int(sys.argv[5])))))
