"""What a function does with an event, given its parts.

Flow: Kinesis -> [ingest] -> store | quarantine ; API -> [query] -> store
      IoT provisioning -> [admit] -> allow-list
Nothing is dropped: a record ends in the store, in the quarantine, or is asked for again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from tidecloud.admission import asker_of, decide
from tidecloud.allow_list import AllowList
from tidecloud.errors import AdmissionError, QuarantineError, QueryError, StoreBusyError
from tidecloud.gateways import Gateways
from tidecloud.pipeline import Accepted, Again, Aside, process
from tidecloud.quarantine import Quarantine
from tidecloud.query import question_of, response
from tidecloud.record import Record, records_of
from tidecloud.store import Store

log = logging.getLogger("tidecloud")


class Ingest:
    """Store the records of an event and set aside what can't be stored."""

    def __init__(
        self,
        *,
        store: Store,
        quarantine: Quarantine,
        clock_ms: Callable[[], int],
        gateways: Gateways | None = None,
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._gateways = gateways
        self._clock_ms = clock_ms

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the first record to try again, if any; Kinesis sends it and all behind it."""
        records = records_of(event)
        accepted: list[Accepted] = []
        asides: list[Aside] = []
        again_at = len(records)
        for outcome in process(records, self._clock_ms(), self._gateways):
            if isinstance(outcome, Accepted):
                accepted.append(outcome)
            elif isinstance(outcome, Aside):
                asides.append(outcome)
            else:
                again_at = self._again(outcome)
        accepted = [batch for batch in accepted if batch.position < again_at]
        refused, again_at = self._store_all(accepted, again_at)
        asides = sorted([*asides, *refused], key=lambda aside: aside.position)
        again_at = self._set_aside(asides, again_at)
        done = [batch for batch in accepted if batch.position < again_at]
        log.info(
            "ingested records=%d batches=%d samples=%d again=%d",
            again_at,
            len(done),
            sum(batch.entry.samples for batch in done),
            len(records) - again_at,
        )
        return {"batchItemFailures": _failures(records, again_at)}

    def _again(self, outcome: Again) -> int:
        log.warning("gateways can't be read: %s", outcome.detail)
        return outcome.position

    def _store_all(self, accepted: list[Accepted], again_at: int) -> tuple[list[Aside], int]:
        """Write all batches; return the refused ones and where to start again."""
        if not accepted:
            return [], again_at
        try:
            refusals = self._store.write(
                [batch.rows for batch in accepted], [batch.entry for batch in accepted]
            )
        except StoreBusyError as error:
            again_at = accepted[error.batches_stored].position
            log.warning("store busy batches_stored=%d: %s", error.batches_stored, error)
            return [], again_at
        return [
            Aside(
                accepted[refusal.index].position,
                accepted[refusal.index].record,
                "refused",
                f"the store refused {refusal.samples} of "
                f"{len(accepted[refusal.index].rows.times_ns)} samples: {refusal.detail}",
            )
            for refusal in refusals
        ], again_at

    def _set_aside(self, asides: list[Aside], again_at: int) -> int:
        """Quarantine what lies before `again_at`; the rest comes again and is judged again."""
        counts: Counter[str] = Counter()
        for aside in asides:
            if aside.position >= again_at:
                break
            try:
                self._quarantine.put(aside)
            except QuarantineError as error:
                log.warning("quarantine failed reason=%s: %s", aside.reason, error)
                again_at = aside.position
                break
            counts[aside.reason] += 1
        if counts:
            log.warning("set aside records=%d %s", counts.total(), dict(counts))
        return again_at


class Query:
    """Answer one SQL statement that came by HTTP."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the HTTP response: 200 with rows, 400 with a mistake, 503 without a store."""
        try:
            question = question_of(event)
            answer = self._store.query(question.sql, question.rows_max)
        except QueryError as error:
            return response(400, {"error": str(error)})
        except StoreBusyError as error:
            log.warning("store busy: %s", error)
            return response(503, {"error": f"the store does not answer now, try again: {error}"})
        log.info("answered rows=%d truncated=%s", len(answer.rows), answer.truncated)
        return response(
            200,
            {
                "columns": [{"name": c.name, "type": c.type} for c in answer.columns],
                "rows": answer.rows,
                "truncated": answer.truncated,
            },
        )


class Admit:
    """Say whether a board may become the thing it asks for."""

    def __init__(self, *, allow_list: AllowList, clock_ms: Callable[[], int]) -> None:
        self._allow_list = allow_list
        self._clock_ms = clock_ms

    def __call__(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer of the hook; what S3 fails at is raised, and the board asks again."""
        try:
            asker = asker_of(event)
            entry = None if asker.serial is None else self._allow_list.find(asker.serial)
            parameters = decide(asker, entry, self._clock_ms())
        except AdmissionError as error:
            log.warning("refused client=%s: %s", event.get("clientId"), error)
            return {"allowProvisioning": False, "parameterOverrides": {}}
        log.info("admitted client=%s thing=%s", asker.client, parameters["ThingName"])
        return {"allowProvisioning": True, "parameterOverrides": parameters}


def _failures(records: list[Record], again_at: int) -> list[dict[str, str]]:
    return [
        {"itemIdentifier": record.sequence_number} for record in records[again_at : again_at + 1]
    ]
