"""A thing asks for another certificate, with a key of its own, and takes it once it has proved.

Flow: /rotate.<tries> -> [rotation] -> /cert.der, /key.der
Loaded by the start that finds the wish, before sampling begins: beside a running agent there
is no heap for it. It takes seconds, ROTATION_MS_MAX at the most; then the board starts anew,
with the new identity or with the old one as before. The host revokes the old certificate.
"""

import asyncio

from tidenode import errand, identity, log
from tidenode.enrolment import Enrolment
from tidenode.provisioning import AnswerError, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TEMPLATE = "tidegauge"
ROTATION_MS_MAX = 90_000  # a board that can't get a certificate has to sample
ASKS_MAX = 3
NEW_TRIES_MAX = 3  # connections that the new identity may fail before the old one stays


def run() -> None:
    """Make key and request, or try to rotate with them; the board starts anew after either.

    Raises ConfigError.
    """
    settings = errand.settings_of(errand.json_of("/config.json"))
    if not identity.count_try():
        log.warn("rotation given up: it was tried %d times" % identity.TRIES_MAX)
        identity.abandon("it was tried %d times" % identity.TRIES_MAX)
        return
    if errand.made_request(settings, settings.thing):
        return
    surroundings = errand.Errand(settings)
    enrolment = Enrolment(
        template=TEMPLATE,
        parameters={
            "ThingName": settings.thing,
            "SerialNumber": errand.serial_of(settings),
            "Site": settings.site,
        },
        now_ms=surroundings.clock.utc_ms,
    )
    asyncio.run(Rotation(surroundings, settings.link, enrolment, settings.thing).run())


class Rotation:
    """The rotation of `thing`; `around` is an Errand, `limits` the section `link`."""

    def __init__(self, around: "Any", limits: "Any", enrolment: Enrolment, thing: str) -> None:
        self._around = around
        self._limits = limits
        self._enrolment = enrolment
        self._thing = thing

    async def run(self) -> None:
        """Put a new identity in force, or leave the old one as it was."""
        keeper = asyncio.create_task(self._around.timekeeper.run())
        try:
            await asyncio.wait_for_ms(self._rotate(), ROTATION_MS_MAX)  # type: ignore[attr-defined]  # MicroPython's
            self._around.warn("rotated: the new certificate of %s is in force" % self._thing)
        except (RefusedError, AnswerError) as error:
            self._give_up(error)
        except errand.FAILURES as error:
            self._give_up(error)
        finally:
            keeper.cancel()

    def _give_up(self, error: Exception) -> None:
        unused = self._enrolment.known.get("certificate_id", "none")
        self._around.warn(
            "rotation failed, the old certificate stays; unused=%s: %r" % (unused, error)
        )
        identity.abandon("%r" % error)

    async def _rotate(self) -> None:
        # What is known already was tried before a power cut: the new one comes first.
        if "thing" not in self._enrolment.known:
            await self._often(self._ask, ASKS_MAX)
        await self._often(self._prove, NEW_TRIES_MAX)

    async def _often(self, step: "Any", tries_max: int) -> None:
        """Do `step` until it is done, `tries_max` times at most; a refusal is final."""
        for left in range(tries_max - 1, -1, -1):
            try:
                await step()
                return
            except errand.FAILURES as error:
                if not left:
                    raise
                self._around.warn("rotation: %r" % error)
            await asyncio.sleep_ms(self._around.delay_ms(self._limits.retry_delay_ms_min))  # type: ignore[attr-defined]  # MicroPython's

    async def _ask(self) -> None:
        await self._with_session(
            self._enrolment.ask,
            identity.read(identity.CERTIFICATE),
            identity.read(identity.KEY),
            self._enrolment.filters(),
        )

    async def _prove(self) -> None:
        certificate = self._enrolment.certificate()
        await self._with_session(
            self._enrolment.prove, certificate, identity.read(identity.NEW_KEY), []
        )
        identity.become(certificate)

    async def _with_session(
        self, work: "Any", certificate: bytes, key: bytes, filters: "Any"
    ) -> None:
        session = await self._around.dial(self._thing, certificate, key, filters)
        try:
            await work(session)
        finally:
            session.close()
