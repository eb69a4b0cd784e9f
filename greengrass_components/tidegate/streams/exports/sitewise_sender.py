"""Export to AWS IoT SiteWise: each message is an entry of BatchPutAssetPropertyValue, in JSON.

What SiteWise refuses of a batch for now is sent again. What it will never take (no entry, no such
property, a time out of its range) is passed over, and said in the export's status.
https://docs.aws.amazon.com/iot-sitewise/latest/APIReference/API_BatchPutAssetPropertyValue.html
"""

import json
from collections.abc import Sequence
from typing import Any

from tidegate.segment_log import Record
from tidegate.streams.exports.aws_access import AwsAccess, AwsConnection
from tidegate.streams.exports.connection import HttpFailedError
from tidegate.streams.exports.sender import Sent

_HOPELESS = frozenset(
    {"ResourceNotFoundException", "InvalidRequestException", "TimestampOutOfRangeException"}
)


class SitewiseSender:
    """Puts values of asset properties."""

    def __init__(self, access: AwsAccess) -> None:
        usual = f"https://data.iotsitewise.{access.region}.amazonaws.com"
        url = access.endpoints.get("iotsitewise") or usual
        self._connection = AwsConnection(access, "iotsitewise", url)
        self._done: set[int] = set()  # of the present batch: it is asked for again from its first

    def send(self, stream: str, records: Sequence[Record]) -> Sent:
        """Put those of `records` that SiteWise has not decided on yet."""
        del stream
        self._done &= {record.sequence for record in records}
        before, problem, entries = len(self._done), None, {}
        for record in records:
            if record.sequence in self._done:
                continue
            entry = _entry_in(record.payload)
            if entry is None:
                self._done.add(record.sequence)
                problem = f"message {record.sequence} is no entry with an entryId: passed over"
            elif entry["entryId"] in entries:
                break  # SiteWise wants them to differ within a request
            else:
                entries[entry["entryId"]] = (record.sequence, entry)
        if entries:
            problem = self._put(entries) or problem
        finished = 0
        while finished < len(records) and records[finished].sequence in self._done:
            finished += 1
        return Sent(finished, problem, progressed=len(self._done) > before)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _put(self, entries: dict[str, tuple[int, dict[str, Any]]]) -> str | None:
        body = json.dumps({"entries": [entry for _, entry in entries.values()]}).encode()
        headers = {"content-type": "application/json"}
        try:
            answer = self._connection.request("POST", "/properties", headers=headers, body=body)
            if not answer.is_success:
                return answer.error()
            refused = _refused(json.loads(answer.body))
        except HttpFailedError as error:
            return str(error)
        except (ValueError, KeyError, TypeError, AttributeError):
            return "the answer is none of SiteWise"
        problem = None
        for entry_id, (sequence, _) in entries.items():
            code = refused.get(entry_id)
            if code is None or code in _HOPELESS:
                self._done.add(sequence)
            if code is not None:
                problem = f"message {sequence}: {code}"
        return problem


def _entry_in(payload: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("entryId"), str):
        return None
    return entry


def _refused(answer: dict[str, Any]) -> dict[str, str]:
    """Return the code for each entry that was refused; one to be tried again goes before."""
    codes: dict[str, str] = {}
    for entry in answer.get("errorEntries") or []:
        found = [str(error["errorCode"]) for error in entry["errors"]]
        codes[entry["entryId"]] = next((c for c in found if c not in _HOPELESS), found[0])
    return codes
