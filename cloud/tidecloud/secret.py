"""The store's token, read from Secrets Manager and kept until the store refuses it."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from tidecloud.errors import StoreBusyError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class SecretToken:
    """The token in the secret `secret_arn`: JSON with `token`, or the bare token."""

    def __init__(self, *, secrets: "SecretsManagerClient", secret_arn: str) -> None:
        self._secrets = secrets
        self._secret_arn = secret_arn
        self._token: str | None = None

    def read(self) -> str:
        """Return the token; without it the store is as good as absent (`StoreBusyError`)."""
        if self._token is None:
            try:
                answer = self._secrets.get_secret_value(SecretId=self._secret_arn)
            except (ClientError, BotoCoreError) as error:
                raise StoreBusyError(f"no token for the store: {error}") from error
            self._token = token_of(answer["SecretString"])
        return self._token

    def forget(self) -> None:
        """Read the secret again next time: it may have been rotated."""
        self._token = None


def token_of(secret: str) -> str:
    """Return the token of a secret's text; raises `StoreBusyError`, never quoting the text."""
    try:
        document = json.loads(secret)
    except ValueError:
        return secret.strip()
    token = document.get("token") if isinstance(document, dict) else None
    if not isinstance(token, str) or not token:
        raise StoreBusyError("no token for the store: the secret's JSON has no text `token`")
    return token
