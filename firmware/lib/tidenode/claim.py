"""A board without an identity asks for one, until it is a thing.

Flow: /claim.der, /claim_key.der, /claim.json -> [claim] -> /cert.der, /key.der, /config.json
Loaded by the start of such a board only. Asks politely: waits double up to a quarter of an
hour where it is refused, and a refusal costs no new certificate while the last one's token is
good.
"""

import asyncio
import json
import os

from tidenode import errand, identity
from tidenode.enrolment import Enrolment
from tidenode.errors import ConfigError
from tidenode.provisioning import AnswerError, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONFIG = "/config.json"
THING_TRIES_MAX = 5  # connections that the new thing may fail before it is asked for anew
REFUSED_DOUBLINGS_MAX = 4  # 16 times `link.retry_delay_ms_max`: a quarter of an hour


def run() -> None:
    """Make key and request, or become a thing with them, however long it takes.

    The board starts anew after either. Raises ConfigError.
    """
    document, facts = errand.json_of(CONFIG), errand.json_of(identity.CLAIM_FACTS)
    try:
        document.setdefault("broker", facts["broker"])
        template = facts["template"]
    except (KeyError, AttributeError, TypeError):
        raise ConfigError(["has no broker, or no template"], "claim.json")
    asked = document.get("thing")
    settings = errand.settings_of(_as_a_thing(document, "unclaimed", "unclaimed"))
    serial = errand.serial_of(settings)
    if errand.made_request(settings, serial):
        return
    surroundings = errand.Errand(settings)
    parameters = {"SerialNumber": serial}
    if asked:
        parameters["ThingName"] = asked
    enrolment = Enrolment(
        template=template,
        parameters=parameters,
        now_ms=surroundings.clock.utc_ms,
    )
    surroundings.warn("no identity yet: claiming one for serial number %s" % serial)
    asyncio.run(Claim(surroundings, settings.link, enrolment, document, serial).run())


class Claim:
    """The claim of `serial`; `around` is an Errand, `limits` the section `link`."""

    def __init__(
        self,
        around: "Any",
        limits: "Any",
        enrolment: Enrolment,
        document: "dict[str, Any]",
        serial: str,
    ) -> None:
        self._around = around
        self._limits = limits
        self._enrolment = enrolment
        self._document = document
        self._serial = serial
        self._failures = self._refusals = self._thing_tries = 0
        self._out_of_memory = False

    async def run(self) -> None:
        """Try until the thing's files are in force."""
        keeper = asyncio.create_task(self._around.timekeeper.run())
        try:
            while not await self._try():
                await asyncio.sleep_ms(self._around.delay_ms(self._ceiling_ms()))  # type: ignore[attr-defined]  # MicroPython's
                if self._out_of_memory:
                    return  # the heap is in pieces; the board starts anew, all it has is on flash
        finally:
            keeper.cancel()

    async def _try(self) -> bool:
        try:
            if "thing" not in self._enrolment.known or self._thing_tries >= THING_TRIES_MAX:
                await self._ask()
            await self._prove()
        except RefusedError as error:
            self._refusals += 1
            self._around.warn("claim %s: %s" % (self._serial, error))
            return False
        except AnswerError as error:
            self._refusals += 1
            self._around.warn("claim %s failed: %s" % (self._serial, error))
            return False
        except errand.FAILURES as error:
            self._failures += 1
            self._out_of_memory = isinstance(error, MemoryError)
            self._around.warn(
                "claim %s failed attempt=%d: %r" % (self._serial, self._failures, error)
            )
            return False
        return True

    async def _ask(self) -> None:
        tries, self._thing_tries = self._thing_tries, 0
        if tries:
            # What it got for the thing does not get through; a claim that does gets another.
            (await self._dial([])).close()
            self._enrolment.forget()
        session = await self._dial(self._enrolment.filters())
        try:
            await self._enrolment.ask(session)
            self._failures = self._refusals = 0
        finally:
            session.close()

    async def _dial(self, filters: "Any") -> "Any":
        return await self._around.dial(
            "claim." + self._serial,
            identity.read(identity.CLAIM_CERTIFICATE),
            identity.read(identity.CLAIM_KEY),
            filters,
        )

    async def _prove(self) -> None:
        self._thing_tries += 1
        enrolment, known = self._enrolment, self._enrolment.known
        certificate = enrolment.certificate()
        session = await self._around.dial(
            known["thing"], certificate, identity.read(identity.NEW_KEY), []
        )
        try:
            await enrolment.prove(session)
        finally:
            session.close()
        put_in_force(self._document, known, certificate)
        self._around.warn("this board is the thing %s at %s" % (known["thing"], known["site"]))

    def _ceiling_ms(self) -> int:
        limits = self._limits
        if self._refusals:
            return int(limits.retry_delay_ms_max << min(self._refusals - 1, REFUSED_DOUBLINGS_MAX))
        ceiling_ms = limits.retry_delay_ms_min << min(self._failures, 16)
        return int(min(limits.retry_delay_ms_max, ceiling_ms))


def put_in_force(document: "dict[str, Any]", known: "dict[str, Any]", certificate: bytes) -> None:
    """Write the thing's configuration, then its identity, then remove the claim."""
    settled = _as_a_thing(document, known["thing"], known["site"])
    identity.write(CONFIG, json.dumps(settled).encode())
    identity.become(certificate)
    for path in (identity.CLAIM_CERTIFICATE, identity.CLAIM_KEY, identity.CLAIM_FACTS):
        os.remove(identity.ROOT + path)


def _as_a_thing(document: "dict[str, Any]", thing: str, site: str) -> "dict[str, Any]":
    settled = dict(document)
    settled["thing"], settled["site"] = thing, site
    return settled
