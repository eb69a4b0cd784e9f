"""Role aliases of the IoT API, which MiniStack lacks: how a device gets AWS credentials."""

import json
import re
import time
from typing import Any
from urllib.parse import unquote

from tidelocal.greengrass.documents import Documents
from tidelocal.host import Answer, Host

_PATH = re.compile(r"/role-aliases/([\w=,@-]{1,128})")
_OPERATIONS = {"POST": "CreateRoleAlias", "GET": "DescribeRoleAlias", "PUT": "UpdateRoleAlias",
               "DELETE": "DeleteRoleAlias"}  # fmt: skip
DURATION_S = 3_600


class RoleAliases:
    """The control plane of role aliases, for the host to ask before MiniStack."""

    def __init__(self, host: Host, documents: Documents) -> None:
        self._host, self._documents = host, documents

    def get(self, account: str, region: str, alias: str) -> dict[str, Any] | None:
        """Return what DescribeRoleAlias tells, or None."""
        return self._documents.get(account, region, alias)

    def answer(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> Answer | None:
        """Answer a call about role aliases; None when it is about something else."""
        del query
        account, region = self._host.scopes.caller()
        if path.rstrip("/") == "/role-aliases" and method == "GET":
            denied = self._host.denied("iot:ListRoleAliases", headers, "*")
            names = [name for name, _ in self._documents.all(account, region)]
            return denied or _json(200, {"roleAliases": names})
        match = _PATH.fullmatch(unquote(path))
        if match is None or method not in _OPERATIONS:
            return None
        arn = f"arn:aws:iot:{region}:{account}:rolealias/{match[1]}"
        denied = self._host.denied(f"iot:{_OPERATIONS[method]}", headers, arn)
        return denied or self._call(method, (account, region, match[1]), arn, body)

    def _call(self, method: str, key: tuple[str, str, str], arn: str, body: bytes) -> Answer:
        before = self._documents.get(*key)
        if method == "POST" and before:
            return _refused(409, "ResourceAlreadyExistsException", f"{key[2]} exists already")
        if method != "POST" and before is None:
            return _refused(404, "ResourceNotFoundException", f"there is no role alias {key[2]}")
        if method == "DELETE":
            self._documents.remove(*key)
            return _json(200, {})
        if method in ("POST", "PUT"):
            try:
                request = json.loads(body or b"{}")
                role = str(request.get("roleArn") or (before or {})["roleArn"])
                duration_s = int(request.get("credentialDurationSeconds") or DURATION_S)
            except (ValueError, KeyError, AttributeError, TypeError):
                return _refused(400, "InvalidRequestException", "roleArn is missing")
            now_s = time.time()
            document = {
                "roleAlias": key[2],
                "roleAliasArn": arn,
                "roleArn": role,
                "owner": key[0],
                "credentialDurationSeconds": duration_s,
                "creationDate": (before or {}).get("creationDate", now_s),
                "lastModifiedDate": now_s,
            }
            self._documents.put(*key, document)
            return _json(200, {"roleAlias": key[2], "roleAliasArn": arn})
        return _json(200, {"roleAliasDescription": before})


def _refused(status: int, code: str, message: str) -> Answer:
    answer = _json(status, {"message": message})
    answer[1]["x-amzn-ErrorType"] = code
    return answer


def _json(status: int, document: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()
