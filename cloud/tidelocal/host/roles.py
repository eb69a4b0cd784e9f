"""MiniStack's IAM and STS: the sessions that devices get of a role."""

import json
import time
from typing import Any

from tidelocal.errors import ServiceCallError
from tidelocal.host.modules import Modules
from tidelocal.host.mqtt_session import Identity
from tidelocal.host.scopes import Scopes


class HostedRoles:
    """Roles, as AWS IoT's credential provider takes them on."""

    def __init__(self, m: Modules, scopes: Scopes) -> None:
        self._iam, self._sts, self._scopes = m["iam"], m["sts"], scopes

    def device_session(
        self, identity: Identity, role_arn: str, duration_s: int
    ) -> tuple[str, dict[str, Any]]:
        """Return access key and session of a role, for a device; raises `ServiceCallError`."""
        service = "credentials.iot.amazonaws.com"
        with self._scopes.scope(identity.account, identity.region):
            role = self._iam._roles.get(role_arn.rpartition("/")[2])
        if role is None or not _trusts(role.get("AssumeRolePolicyDocument", "{}"), service):
            raise ServiceCallError("sts", "AccessDenied", f"{role_arn} does not trust {service}")
        session_name = identity.certificate_id
        assumed_arn, refused = self._sts._assumed_role_arn(role_arn, session_name)
        if refused:
            raise ServiceCallError("sts", "ValidationError", f"{role_arn} is no role")
        return str(self._sts._gen_session_access_key()), {
            "Arn": assumed_arn,
            "UserId": f"{self._sts._role_id(role_arn)}:{session_name}",
            "SecretAccessKey": str(self._sts._gen_secret()),
            "SessionToken": str(self._sts._gen_session_token()),
            "Expiration": time.time() + duration_s,
            "AccountId": identity.account,
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": "",
            "SourcePrincipalArn": "",
            "SessionTags": [],
            "SessionPolicies": None,
        }

    def register_session(self, access_key: str, session: dict[str, Any]) -> None:
        """Take requests that are signed with a session's keys."""
        self._sts.register_session(access_key, dict(session))


def _trusts(document: Any, service: str) -> bool:
    """Whether a role's trust policy lets `service` assume it."""
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow" and service in (
            services if isinstance(services, list) else [services]
        ):
            return True
    return False
