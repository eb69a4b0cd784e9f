"""Ask the stack's query API, signed as AWS wants it.

Flow: SQL -> [POST /query, SigV4] -> API Gateway -> query function -> store
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from tidectl.errors import TidectlError
from tidectl.tables import Tables
from tidectl.target import Target

ROWS_MAX = 10_000  # what one answer of the query function can hold
_OK, _MISTAKE, _NO_STORE = 200, 400, 503
_HINT_MISTAKE = "every measurement is a table, its fields are columns beside time, site and thing"
_HINT_ABSENT = "a table is there once its first batch is stored; see what reports: tidectl status"
_TIMEOUT = urllib3.Timeout(connect=5, read=35)  # an API's integration ends after 30 s
_ABSENT = re.compile(r"\b(table|database)\b.*\bnot found|\bnot found\b.*\b(table|database)\b", re.I)
_RETRIES = urllib3.Retry(connect=3, read=0, status=0, redirect=0, backoff_factor=0.2)


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of an answer, a list of cells each, times as ISO 8601 text in UTC."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[list[Any]]
    truncated: bool

    def dicts(self) -> list[dict[str, Any]]:
        """Return the rows by column."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def one(self) -> Any:
        """Return the only cell."""
        ((cell,),) = self.rows
        return cell


class StoreUnavailableError(TidectlError):
    """The store or the way to it does not answer now: asking again may help."""


class NothingStoredError(TidectlError):
    """The table asked for does not exist: a store makes it with the first batch of its kind."""


class QueryApi:
    """The query API of the stack deployed in `target`; `tables` names what it can be asked of.

    `rows_max` is how many rows an answer has at most: who needs more asks page by page.
    """

    def __init__(self, target: Target, *, rows_max: int = ROWS_MAX) -> None:
        outputs = target.stack_outputs()
        self.rows_max = rows_max
        self.tables = Tables(outputs["StoreEngine"], outputs["StoreDatabase"])
        self._url = outputs["QueryUrl"]
        self._session, self._region = target.session, target.region
        self._pool = urllib3.PoolManager(retries=_RETRIES, timeout=_TIMEOUT)

    def ask(self, sql: str, *, rows_max: int | None = None) -> Answer:
        """Return the answer to one statement; raises `TidectlError` with the store's reason."""
        body = json.dumps({"sql": sql, "rows_max": rows_max or self.rows_max}).encode()
        try:
            response = self._pool.request("POST", self._url, body=body, headers=self._signed(body))
        except urllib3.exceptions.HTTPError as error:
            raise StoreUnavailableError(
                f"the query API does not answer: {error}", "tidectl status"
            ) from error
        if response.status == _OK:
            return _answer_of(response.json())
        reason = _reason_of(response.data)
        if response.status == _MISTAKE:
            if _ABSENT.search(reason):
                raise NothingStoredError(reason, _HINT_ABSENT)
            raise TidectlError(reason, _HINT_MISTAKE)
        if response.status in (401, 403):
            raise TidectlError(
                f"the query API refused your credentials: {reason}",
                "they need the right execute-api:Invoke",
            )
        raise StoreUnavailableError(
            f"the query API answered {response.status}: {reason}", "try again in a moment"
        )

    def _signed(self, body: bytes) -> dict[str, str]:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise TidectlError("no AWS credentials", "set AWS_PROFILE")
        request = AWSRequest(
            "POST",
            self._url,
            data=body,
            headers={"Content-Type": "application/json", "Host": urlsplit(self._url).netloc},
        )
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(
            request
        )
        return dict(request.headers.items())


def _answer_of(document: dict[str, Any]) -> Answer:
    columns = document["columns"]
    return Answer(
        tuple(column["name"] for column in columns),
        tuple(column["type"] for column in columns),
        document["rows"],
        document["truncated"],
    )


def _reason_of(data: bytes) -> str:
    try:
        document = json.loads(data)
        return str(document.get("error") or document.get("message") or document)
    except (ValueError, AttributeError):
        return data[:200].decode(errors="replace") or "nothing"
