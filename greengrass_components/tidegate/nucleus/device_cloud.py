"""What a gateway asks of its cloud by its certificate, over HTTPS: no AWS credentials on it.

Credentials come from IoT's credential provider (port 443 of AWS), recipes and artifacts from
the Greengrass data plane (port 8443); the local cloud has both behind one door.
"""

import json
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from tidegate.nucleus.errors import NucleusError
from tidegate.nucleus.iot_core import tls_context
from tidegate.nucleus.settings import Settings

REQUEST_S_MAX = 30.0
ANSWER_BYTES_MAX = 16 * 1024 * 1024
ARTIFACT_BYTES_MAX = 2 * 1024**3  # what Greengrass takes of one component
CHUNK_BYTES = 256 * 1024


class DeviceCloud:
    """Blocking calls, each on a connection of its own; raises `NucleusError`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._url = urllib.parse.urlsplit(settings.device_url)
        self._context: ssl.SSLContext | None = None

    def credentials(self) -> dict[str, Any]:
        """Return accessKeyId, secretAccessKey, sessionToken and expiration of the role alias."""
        alias = urllib.parse.quote(self._settings.role_alias, safe="")
        answer = self._call(
            "GET",
            f"/role-aliases/{alias}/credentials",
            headers={"x-amzn-iot-thingname": self._settings.thing},
        )
        return dict(answer["credentials"])

    def recipes(self, wanted: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        """Return arn, name, version and recipe (text) of what each component is wanted as."""
        body = {
            "platform": {"attributes": {"os": "linux", "runtime": self._settings.nucleus}},
            "componentCandidates": [
                {"componentName": name, "versionRequirements": {"group": " ".join(requirements)}}
                for name, requirements in wanted.items()
            ],
        }
        answer = self._call("POST", "/greengrass/v2/resolveComponentCandidates", body=body)
        return list(answer["resolvedComponentVersions"])

    def artifact_url(self, arn: str, name: str) -> str:
        """Return where an artifact can be fetched from for a while."""
        path = f"/greengrass/v2/components/{urllib.parse.quote(arn, safe='')}/artifacts/"
        return str(self._call("GET", path + urllib.parse.quote(name, safe="/"))["preSignedUrl"])

    def fetch(self, url: str, path: Path) -> None:
        """Write what is at a presigned URL to a file, whole or not at all."""
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise NucleusError(f"{url.partition('?')[0]} is no web address")
        draft = path.with_name(f".{path.name}.new")
        size = 0
        try:
            with (
                urllib.request.urlopen(url, timeout=REQUEST_S_MAX) as answer,  # noqa: S310  checked
                draft.open("wb") as file,
            ):
                while chunk := answer.read(CHUNK_BYTES):
                    size += len(chunk)
                    if size > ARTIFACT_BYTES_MAX:
                        raise NucleusError(f"{path.name} is above {ARTIFACT_BYTES_MAX} bytes")
                    file.write(chunk)
            draft.replace(path)
        except (OSError, HTTPException) as error:
            raise NucleusError(f"{path.name} can't be fetched: {error}") from error
        finally:
            draft.unlink(missing_ok=True)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        if self._context is None:
            self._context = tls_context(self._settings)
        connection = HTTPSConnection(
            self._url.hostname or "", self._url.port or 443,
            context=self._context, timeout=REQUEST_S_MAX,
        )  # fmt: skip
        data = None if body is None else json.dumps(body).encode()
        try:
            connection.request(
                method, path, data, {"Content-Type": "application/json", **(headers or {})}
            )
            answer = connection.getresponse()
            text = answer.read(ANSWER_BYTES_MAX)
        except (OSError, HTTPException) as error:
            raise NucleusError(f"{self._settings.device_url}: {error}") from error
        finally:
            connection.close()
        try:
            document = json.loads(text or b"{}")
        except ValueError:
            document = {"message": text[:200].decode(errors="replace")}
        if answer.status >= 400:  # noqa: PLR2004  HTTP
            raise NucleusError(f"{path}: {answer.status} {document.get('message', '')}")
        return dict(document)
