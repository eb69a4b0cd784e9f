"""Asks SNMP agents: reads of many objects, in requests as large as each agent takes."""

from collections.abc import Sequence
from typing import Any

from pysnmp.hlapi.v3arch.asyncio import (
    USM_AUTH_HMAC96_MD5,
    USM_AUTH_HMAC96_SHA,
    USM_AUTH_HMAC192_SHA256,
    USM_AUTH_HMAC384_SHA512,
    USM_AUTH_NONE,
    USM_PRIV_CBC56_DES,
    USM_PRIV_CFB128_AES,
    USM_PRIV_CFB256_AES,
    USM_PRIV_NONE,
    CommunityData,
    ContextData,
    ObjectIdentity,
    ObjectType,
    SnmpEngine,
    UdpTransportTarget,
    UsmUserData,
    get_cmd,
    set_cmd,
)

from tidegate.snmp.errors import SnmpError, SnmpSilentError
from tidegate.snmp.settings import SnmpSettings

PORT = 161
_TOO_BIG, _NO_SUCH_NAME, _GENERAL_ERROR = 1, 2, 5
_OF_ONE = (_NO_SUCH_NAME, _GENERAL_ERROR)  # the former is all that version 1 can say
_AUTHENTICATIONS = {
    "md5": USM_AUTH_HMAC96_MD5,
    "sha": USM_AUTH_HMAC96_SHA,
    "sha256": USM_AUTH_HMAC192_SHA256,
    "sha512": USM_AUTH_HMAC384_SHA512,
}
_PRIVACIES = {
    "des": USM_PRIV_CBC56_DES,
    "aes": USM_PRIV_CFB128_AES,
    "aes256": USM_PRIV_CFB256_AES,
}


class AgentLink:
    """What is asked goes through here; `requests` counts it.

    An agent that finds an answer too big is asked for half as many objects from then on.
    """

    def __init__(self, settings: SnmpSettings) -> None:
        self.requests = 0
        self._settings = settings
        self._engine = SnmpEngine()
        self._targets: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the socket."""
        self._engine.close_dispatcher()

    async def read(self, unit: str, oids: Sequence[tuple[int, ...]]) -> list[Any]:
        """Return the value of each; None for one that a version 1 agent does not have, or fails at.

        Raises `SnmpSilentError` and `SnmpError`.
        """
        out: list[Any] = []
        while len(out) < len(oids):
            size = self._sizes.get(unit, self._settings.oids_per_request)
            part = oids[len(out) : len(out) + size]
            values = await self._get(unit, part)
            if values is not None:
                out += values
        return out

    async def write(self, unit: str, oid: tuple[int, ...], value: Any) -> None:
        """Set one object to a value of SNMP's own types; raises `SnmpError`."""
        self.requests += 1
        indication, status, _, _ = await set_cmd(
            self._engine,
            self._credentials(),
            await self._target(unit),
            ContextData(),
            ObjectType(ObjectIdentity(oid), value),
            lookupMib=False,
        )
        self._check(unit, indication, status)

    async def _get(self, unit: str, oids: Sequence[tuple[int, ...]]) -> list[Any] | None:
        """Return the values; None when the agent wants to be asked for less.

        An object that the agent names as what it failed at costs itself: the rest is asked again.
        """
        missing: set[int] = set()
        while len(missing) < len(oids):
            places = [place for place in range(len(oids)) if place not in missing]
            self.requests += 1
            indication, status, index, pairs = await get_cmd(
                self._engine,
                self._credentials(),
                await self._target(unit),
                ContextData(),
                *(ObjectType(ObjectIdentity(oids[place])) for place in places),
                lookupMib=False,
            )
            if not indication and int(status) == _TOO_BIG and len(oids) > 1:
                self._sizes[unit] = max(1, len(oids) // 2)
                return None
            if not indication and int(status) in _OF_ONE and 0 < int(index) <= len(places):
                missing.add(places[int(index) - 1])
                continue
            self._check(unit, indication, status)
            values: list[Any] = [None] * len(oids)
            for place, (_, value) in zip(places, pairs, strict=True):
                values[place] = value
            return values
        return [None] * len(oids)

    def _check(self, unit: str, indication: Any, status: Any) -> None:
        if indication:
            text = str(indication)
            if "before timeout" in text:
                raise SnmpSilentError(
                    f"no answer from {unit}: is it there, and are community or user right?"
                )
            raise SnmpError(f"{unit}: {text}")
        if int(status):
            raise SnmpError(f"{unit} refuses: {status.prettyPrint()}")

    async def _target(self, unit: str) -> Any:
        if unit not in self._targets:
            host, _, port = unit.partition(":")
            settings = self._settings
            try:
                self._targets[unit] = await UdpTransportTarget.create(
                    (host, int(port or PORT)),
                    timeout=settings.timeout_ms / 1000,
                    retries=settings.retries,
                )
            except Exception as error:
                raise SnmpSilentError(f"{unit} can't be reached: {error}") from error
        return self._targets[unit]

    def _credentials(self) -> Any:
        settings = self._settings
        if settings.version != "3":
            return CommunityData(settings.community, mpModel=int(settings.version == "2c"))
        with_authentication = bool(settings.authentication_key)
        with_privacy = bool(settings.privacy_key)
        return UsmUserData(
            settings.user,
            settings.authentication_key or None,
            settings.privacy_key or None,
            authProtocol=(
                _AUTHENTICATIONS[settings.authentication] if with_authentication else USM_AUTH_NONE
            ),
            privProtocol=_PRIVACIES[settings.privacy] if with_privacy else USM_PRIV_NONE,
        )
