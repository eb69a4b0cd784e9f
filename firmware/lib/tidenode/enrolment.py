"""A certificate on its way to this board. Every step is on flash before the next begins.

Flow: key, request -> certificate -> thing -> [enrolment] proves it -> identity
"""

from tidenode import identity
from tidenode.provisioning import Provisioning, certificate_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Enrolment:
    """Goes on where a power cut left it.

    `parameters` are what the template is told; `now_ms` returns UTC milliseconds.
    """

    def __init__(
        self,
        *,
        template: str,
        parameters: "dict[str, str]",
        now_ms: "Callable[[], int]",
    ) -> None:
        self._now_ms = now_ms
        self._provisioning = Provisioning(template, parameters, _known())

    @property
    def known(self) -> "dict[str, Any]":
        """What the cloud has said: `thing` and `site` once the certificate speaks for it."""
        return self._provisioning.known

    def filters(self) -> "list[str]":
        """Return what a session has to be subscribed to."""
        return self._provisioning.filters()

    def certificate(self) -> bytes:
        """Return the certificate that is on its way."""
        return certificate_of(self.known["certificate_pem"])

    async def ask(self, session: "Any") -> None:
        """Ask until the certificate speaks for its thing.

        Raises LINK_FAILURES, RefusedError and AnswerError.
        """
        provisioning = self._provisioning
        request_pem = str(identity.read(identity.NEW_REQUEST), "utf-8")
        while True:
            question = provisioning.question(self._now_ms(), request_pem)
            if question is None:
                return
            answer = await session.ask(*question)
            try:
                provisioning.take(answer, self._now_ms())
            finally:
                identity.keep(provisioning.known)

    async def prove(self, session: "Any") -> None:
        """Have the broker acknowledge something that only the thing may say."""
        await session.publish("echo/tidegauge/" + self.known["thing"], b"{}")

    def forget(self) -> None:
        """Begin again, with the same key."""
        self._provisioning.known = {}
        identity.keep({})


def _known() -> "dict[str, Any]":
    """Return what was kept of the certificate, if it is the new key's."""
    known = identity.known()
    try:
        certificate = certificate_of(known["certificate_pem"])
        return known if identity.is_pair(certificate, identity.read(identity.NEW_KEY)) else {}
    except (KeyError, OSError, ValueError):
        return {}
