"""Where a gateway's AWS credentials come from: the environment, or its token exchange service.

A component that depends on `aws.greengrass.TokenExchangeService` is given the address of it and
a token; so no credentials lie on the device.
https://docs.aws.amazon.com/greengrass/v2/developerguide/interact-with-aws-services.html
"""

import http.client
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import urlsplit

from tidegate.kinesis.errors import CredentialsError
from tidegate.kinesis.sigv4 import Credentials

RENEW_BEFORE_S = 300.0  # as AWS's own clients do, so that none expires on its way
_TIMEOUT_S = 5.0
_ANSWER_BYTES_MAX = 65_536
_OK = 200


class CredentialSource:
    """Credentials that are good now, asked for anew before they expire."""

    def __init__(self, environment: Mapping[str, str], clock_s: Callable[[], float]) -> None:
        self._environment = environment
        self._clock_s = clock_s
        self._held: Credentials | None = None

    def get(self) -> Credentials:
        """Return them; blocks for one request to the local service at most.

        Raises `CredentialsError` where there is no source, or it gives none.
        """
        held, now_s = self._held, self._clock_s()
        if held and (held.expires_at_s is None or now_s < held.expires_at_s - RENEW_BEFORE_S):
            return held
        try:
            self._held = self._fresh()
        except CredentialsError:
            # What expires in some minutes is good until then.
            if held and held.expires_at_s is not None and now_s < held.expires_at_s:
                return held
            raise
        return self._held

    def forget(self) -> None:
        """Ask anew at the next `get`: AWS said that these have expired."""
        self._held = None

    def _fresh(self) -> Credentials:
        access_key = self._environment.get("AWS_ACCESS_KEY_ID")
        secret_key = self._environment.get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key:
            return Credentials(access_key, secret_key, self._environment.get("AWS_SESSION_TOKEN"))
        uri = self._environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        if not uri:
            raise CredentialsError(
                "no AWS credentials: let the recipe depend on aws.greengrass.TokenExchangeService,"
                " or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return _asked_for(uri, self._environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", ""))


def _asked_for(uri: str, token: str) -> Credentials:
    parts = urlsplit(uri)
    if parts.scheme != "http" or parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise CredentialsError(f"the credentials' address is {uri!r}, not http on this machine")
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path or "/", headers={"Authorization": token})
        answer = connection.getresponse()
        text = answer.read(_ANSWER_BYTES_MAX)
        if answer.status != _OK:
            raise CredentialsError(f"the token exchange service answers {answer.status}")
        facts = json.loads(text)
        return Credentials(
            facts["AccessKeyId"],
            facts["SecretAccessKey"],
            facts["Token"],
            datetime.fromisoformat(facts["Expiration"].replace("Z", "+00:00")).timestamp(),
        )
    except (OSError, http.client.HTTPException) as error:
        raise CredentialsError(f"no answer of the token exchange service: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CredentialsError("the token exchange service's answer is none") from error
    finally:
        connection.close()
