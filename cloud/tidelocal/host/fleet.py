"""MiniStack's fleet provisioning, shadows and jobs, and what we put in the place of its parts."""

import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tidelocal.host.answers import HTTP_ERROR, raise_for
from tidelocal.host.modules import Modules
from tidelocal.host.scopes import Scopes

ProvisioningReply = tuple[str, dict[str, Any]]
_SIGN = "create-from-csr"


@dataclass(frozen=True, slots=True)
class SignedCertificate:
    """A certificate that opens nothing until a provisioning template activates it."""

    certificate_id: str
    certificate_pem: str
    ownership_token: str


@dataclass(frozen=True, slots=True)
class ProvisioningHooks:
    """`sign` answers requests on `topic`; `kept` returns a reply once it is on the disk."""

    topic: str
    sign: Callable[[str, str, bytes], ProvisioningReply]
    kept: Callable[[ProvisioningReply], Awaitable[ProvisioningReply]]


@dataclass(frozen=True, slots=True)
class ShadowHooks:
    """`accept` returns an update as a plain merge may take it; `delta` compares two sections."""

    accept: Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]
    delta: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
    refusal: type[Exception]


class HostedFleet:
    """What devices ask of AWS IoT beside telemetry."""

    def __init__(self, m: Modules, scopes: Scopes) -> None:
        self._iot, self._scopes = m["iot"], scopes

    def extend_provisioning(self, hooks: ProvisioningHooks) -> None:
        """Answer signing requests too, and no reply of fleet provisioning before it is kept."""
        iot = self._iot
        parse, reply = iot._parse_fleet_provisioning_topic, iot._fleet_provisioning_reply

        def parse_all(topic: str) -> tuple[str, str | None] | None:
            if topic == hooks.topic:
                return _SIGN, None
            return cast("tuple[str, str | None] | None", parse(topic))

        async def reply_to_all(  # noqa: PLR0917 called as MiniStack's own was
            account_id: str,
            region: str,
            operation: str,
            template_name: str | None,
            payload: bytes,
            connection: dict[str, Any],
        ) -> ProvisioningReply:
            if operation == _SIGN:
                answer = hooks.sign(account_id, region, payload)
            else:
                answer = await reply(
                    account_id, region, operation, template_name, payload, connection
                )
            return await hooks.kept(answer)

        iot._parse_fleet_provisioning_topic = parse_all
        iot._fleet_provisioning_reply = reply_to_all

    def sign_request(self, account: str, region: str, request_pem: str) -> SignedCertificate:
        """Sign a request as fleet provisioning does; raises `ServiceCallError`."""
        iot, tokens = self._iot, self._iot._ownership_tokens
        with self._scopes.scope(account, region):
            answer = iot._create_certificate_from_csr(
                {"certificateSigningRequest": request_pem}, {}
            )
            raise_for("iot", answer)
            signed = json.loads(answer[2])
            certificate_id = signed["certificateId"]
            record = iot._certificates[certificate_id]
            record["status"] = "PENDING_ACTIVATION"
            iot._certificates[certificate_id] = record
            token = secrets.token_urlsafe(48)
            iot._drop_expired(tokens)
            tokens[token] = {
                "certificateId": certificate_id,
                "expiration": time.time() + iot._OWNERSHIP_TOKEN_SECONDS,
            }
        return SignedCertificate(certificate_id, signed["certificatePem"], token)

    def replace_shadow_merge(self, hooks: ShadowHooks) -> None:
        """Let `hooks` decide what a shadow takes and how its sections differ."""
        iot = self._iot
        update = iot.update_thing_shadow

        def update_checked(thing_name: str, shadow_name: str, request: Any) -> Any:
            if not isinstance(request, dict):
                return update(thing_name, shadow_name, request)
            _status, before = iot.get_thing_shadow(thing_name, shadow_name)
            try:
                accepted = hooks.accept(request, before.get("state") or {})
            except hooks.refusal as error:
                return vars(error)["code"], {"message": str(error)}
            status, document = update(thing_name, shadow_name, accepted)
            if status < HTTP_ERROR:  # accepted tells what was asked for, nulls included
                document["state"] = request["state"]
            return status, document

        iot.update_thing_shadow = update_checked
        iot._compute_delta = hooks.delta

    def check_job_details(self, mistake: Callable[[dict[str, Any]], str]) -> None:
        """Refuse a device's report of a job when `mistake` says why."""
        iot = self._iot
        hosted = iot._jobs_status_details_error

        def check(details: Any) -> Any:
            error = hosted(details)
            if error is not None or not details:
                return error
            why = mistake(details)
            return iot.error_response_json("InvalidRequestException", why, 400) if why else None

        iot._jobs_status_details_error = check
