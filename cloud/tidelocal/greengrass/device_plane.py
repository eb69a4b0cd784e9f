"""What devices ask by their certificate: credentials, recipes, where artifacts are.

Flow: device door -> [device plane: IoT policy] -> role aliases | components
On AWS these are two endpoints, the credential provider and the Greengrass data plane.
"""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tidelocal.errors import ServiceCallError
from tidelocal.greengrass.component_versions import ComponentVersions
from tidelocal.greengrass.device_sessions import DeviceSessions
from tidelocal.greengrass.errors import DENIED, NOT_FOUND, VALIDATION, GreengrassRefusedError
from tidelocal.greengrass.role_aliases import RoleAliases
from tidelocal.host import Host, Identity

ALIAS = re.compile(r"/role-aliases/([^/]+)/credentials")
RESOLVE = "/greengrass/v2/resolveComponentCandidates"
ARTIFACT = re.compile(r"/greengrass/v2/components/(arn:aws:greengrass:[^/]+)/artifacts/(.+)")
URL_S = 900


class DevicePlane:
    """Answers a device; raises `GreengrassRefusedError`."""

    def __init__(
        self,
        *,
        host: Host,
        components: ComponentVersions,
        aliases: RoleAliases,
        sessions: DeviceSessions,
    ) -> None:
        self._host, self._components = host, components
        self._aliases, self._sessions = aliases, sessions

    def answer(self, identity: Identity, method: str, path: str, body: bytes) -> dict[str, Any]:
        """Return the document of an answer."""
        path = unquote(path.partition("?")[0])
        alias = ALIAS.fullmatch(path)
        if method == "GET" and alias:
            return self._credentials(identity, alias[1])
        if method == "POST" and path == RESOLVE:
            self._allow(identity, "greengrass:ResolveComponentCandidates", "*")
            return self._resolve(identity, body)
        artifact = ARTIFACT.fullmatch(path)
        if method == "GET" and artifact:
            self._allow(identity, "greengrass:GetComponentVersionArtifact", "*")
            return self._artifact(identity, artifact[1], artifact[2])
        raise GreengrassRefusedError(NOT_FOUND, f"{method} {path} is not for devices")

    def _credentials(self, identity: Identity, alias: str) -> dict[str, Any]:
        self._allow(identity, "iot:AssumeRoleWithCertificate", f"rolealias/{alias}")
        found = self._aliases.get(identity.account, identity.region, alias)
        if found is None:
            raise GreengrassRefusedError(NOT_FOUND, f"there is no role alias {alias}")
        duration_s = int(found["credentialDurationSeconds"])
        try:
            access_key, secret_key, token = self._sessions.make(
                identity, str(found["roleArn"]), duration_s
            )
        except ServiceCallError as error:
            raise GreengrassRefusedError(DENIED, error.message) from error
        until = datetime.fromtimestamp(int(time.time()) + duration_s, UTC)
        return {
            "credentials": {
                "accessKeyId": access_key,
                "secretAccessKey": secret_key,
                "sessionToken": token,
                "expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        }

    def _resolve(self, identity: Identity, body: bytes) -> dict[str, Any]:
        try:
            wanted = [
                (str(one["componentName"]), list((one.get("versionRequirements") or {}).values()))
                for one in json.loads(body)["componentCandidates"]
            ]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise GreengrassRefusedError(VALIDATION, "componentCandidates can't be read") from None
        found = []
        for name, requirements in wanted:
            best = self._components.best(identity.account, identity.region, name, requirements)
            if best:
                names = ("arn", "componentName", "componentVersion", "recipe")
                found.append({key: best[key] for key in names})
        return {"resolvedComponentVersions": found}

    def _artifact(self, identity: Identity, arn: str, name: str) -> dict[str, Any]:
        document = self._components.get(identity.account, identity.region, arn)
        if f"s3://{name}" not in document["recipe"]:
            raise GreengrassRefusedError(NOT_FOUND, f"{arn} has no artifact {name}")
        bucket, _, key = name.partition("/")
        return {
            "preSignedUrl": self._host.services.presigned_url(identity.region, bucket, key, URL_S)
        }

    def _allow(self, identity: Identity, action: str, resource: str) -> None:
        if not self._host.iot.device_may(identity, action, resource):
            raise GreengrassRefusedError(
                DENIED, f"the certificate's policies do not allow {action} on {resource}"
            )
