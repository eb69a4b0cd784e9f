"""Bridge a local broker to the outbox: nothing is acknowledged before it is on the disk.

Flow: boards, devices -> broker ~MQTT 3.1.1~> [bridge] -> message intake -> outbox
Bounded: `WAITING_MAX` messages between paho's thread and the loop; beyond it the thread waits,
and the broker with it. The session is kept by the broker: what is not acknowledged when the link
breaks, or when the disk refuses it, comes again. What can't be understood is set aside whole, and
acknowledged, so that it does not come for ever.
"""

import asyncio
import contextlib
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tidegate.errors import GateError
from tidegate.mqtt.errors import MessageError, MqttError
from tidegate.mqtt.intake import MessageIntake
from tidegate.mqtt.set_aside import SetAside
from tidegate.mqtt.settings import MqttSettings
from tidegate.sparkplug.host_state import HostState
from tidegate.stream import Value

log = logging.getLogger("tidegate.mqtt")

WAITING_MAX = 256
_CONNECT_S_MAX = 10.0
_RETRY_MS_MIN = 500
_GOODBYE_S_MAX = 1.0
_QOS = 1


class Bridge:
    """Bridges until cancelled. `messages` counts those taken, `refused` those that the disk did
    not take (they come again), `set_aside` by reason those that can't be understood."""

    def __init__(
        self,
        settings: MqttSettings,
        intake: MessageIntake,
        set_aside: SetAside,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        retry_ms_min: int = _RETRY_MS_MIN,
    ) -> None:
        self.messages = self.refused = self.connects = self.rebirths = 0
        self.is_connected = False
        self._settings, self._intake, self._set_aside = settings, intake, set_aside
        self._clock_ms, self._retry_ms_min = clock_ms, retry_ms_min
        self._waiting = threading.BoundedSemaphore(WAITING_MAX)
        self._lost = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._state: HostState | None = None

    async def run(self) -> None:
        """Connect, take messages, and connect again, until cancelled."""
        self._loop = asyncio.get_running_loop()
        failures, told = 0, ""
        while True:
            try:
                await self._connect()
                failures, told = 0, ""
                await self._lost.wait()
            except (MqttError, OSError) as error:
                if str(error) != told:  # a broker may be away for days
                    log.warning("broker %s:%d: %s", self._settings.host, self._settings.port, error)
                told = str(error)
            finally:
                await self._disconnect()
            await asyncio.sleep(self._retry_s(failures))
            failures += 1

    def health(self) -> dict[str, Value]:
        """Return counts for the health measurement."""
        return {
            "connected": self.is_connected,
            "connects": self.connects,
            "messages": self.messages,
            "batches": self._intake.batches,
            "samples": self._intake.samples,
            "refused": self.refused,
            "set_aside": sum(self._set_aside.counts.values()),
            "rebirths": self.rebirths,
        }

    async def _connect(self) -> None:
        """Connect and subscribe; raises `MqttError` or `OSError`."""
        settings = self._settings
        self._lost.clear()
        answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._client = client = self._make_client(answered)
        await asyncio.to_thread(client.connect, settings.host, settings.port, settings.keepalive_s)
        client.loop_start()
        try:
            async with asyncio.timeout(_CONNECT_S_MAX):
                refusal = await answered
        except TimeoutError:
            raise MqttError("no answer to CONNECT") from None
        if refusal:
            raise MqttError(f"refuses us: {refusal}; are certificate, user and password right?")
        self.connects += 1
        self.is_connected = True
        log.info("connected to broker %s:%d", settings.host, settings.port)

    def _make_client(self, answered: "asyncio.Future[str]") -> Any:
        settings, loop = self._settings, self._loop
        assert loop  # noqa: S101  run sets it
        client = _configured(settings)
        state = None
        if settings.sparkplug_host:
            state = HostState(settings.sparkplug_host, self._clock_ms())
            client.will_set(state.topic, state.payload(online=False), _QOS, retain=True)
        self._state = state

        def answer(text: str) -> None:
            if not answered.done():
                answered.set_result(text)

        def on_connect(client: Any, _data: Any, _flags: Any, reason: Any, _more: Any) -> None:
            if reason.is_failure:
                loop.call_soon_threadsafe(answer, str(reason))
                return
            client.subscribe([(route.filter, _QOS) for route in settings.routes])

        def on_subscribe(_client: Any, _data: Any, _id: Any, reasons: Any, _more: Any) -> None:
            refused = [
                route.filter
                for route, reason in zip(settings.routes, reasons, strict=False)
                if reason.is_failure
            ]
            text = f"it lets us not subscribe to {', '.join(refused)}" if refused else ""
            if state and not refused:
                client.publish(state.topic, state.payload(online=True), _QOS, retain=True)
            loop.call_soon_threadsafe(answer, text)

        def on_disconnect(*_: Any) -> None:
            loop.call_soon_threadsafe(self._end, client)

        def on_message(_client: Any, _data: Any, message: Any) -> None:
            self._waiting.acquire()
            loop.call_soon_threadsafe(self._take, client, message)

        client.on_connect = on_connect
        client.on_subscribe = on_subscribe
        client.on_disconnect = on_disconnect
        client.on_message = on_message
        return client

    def _end(self, client: Any) -> None:
        if client is self._client:
            self._lost.set()

    def _take(self, client: Any, message: Any) -> None:
        """Take a message in the loop, and acknowledge it once it is kept."""
        self._waiting.release()
        if client is not self._client or self._lost.is_set():
            return  # of a session that has ended: it comes again
        now_ms = self._clock_ms()
        try:
            rebirths = self._intake.take(message.topic, message.payload, now_ms)
        except MessageError as error:
            self._set_aside.keep(message.topic, message.payload, error, now_ms)
            rebirths = []
        except (GateError, OSError) as error:
            self.refused += 1
            log.error("outbox does not take a message, it will come again: %s", error)
            self._lost.set()
            return
        self.messages += 1
        client.ack(message.mid, message.qos)
        for rebirth in rebirths:
            self.rebirths += 1
            log.info("asks a node for its birth topic=%s: %s", rebirth.topic, rebirth.why)
            client.publish(rebirth.topic, rebirth.payload)

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        state = self._state if self.is_connected else None
        self.is_connected = False
        if client is not None:
            await asyncio.to_thread(_stop, client, state)

    def _retry_s(self, failures: int) -> float:
        most_ms = min(self._settings.retry_ms_max, self._retry_ms_min << min(failures, 16))
        return random.uniform(0.5, 1.0) * most_ms / 1000  # noqa: S311  spread, no secret


def _configured(settings: MqttSettings) -> Any:
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id,
        clean_session=False,
        protocol=paho.MQTTv311,
        manual_ack=True,
    )
    client.reconnect_delay_set(3600, 3600)  # we make another client instead
    if settings.user:
        password = settings.password_file.read_text().strip() if settings.password_file else ""
        client.username_pw_set(settings.user, password)
    if settings.ca:
        context = ssl.create_default_context(cafile=settings.ca)
        if settings.certificate and settings.key:
            context.load_cert_chain(settings.certificate, settings.key)
        client.tls_set_context(context)
    return client


def _stop(client: Any, state: HostState | None) -> None:
    if state:  # who leaves in order has no will
        gone = client.publish(state.topic, state.payload(online=False), _QOS, retain=True)
        with contextlib.suppress(ValueError, RuntimeError):  # the link is lost: then it has one
            gone.wait_for_publish(_GOODBYE_S_MAX)
    client.disconnect()
    client.loop_stop()
