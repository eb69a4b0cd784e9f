"""Tidegauge's functions in the cloud: from the stream's records to the store, and back by SQL."""

from tidecloud.errors import (
    CloudError,
    QuarantineError,
    QueryError,
    RecordError,
    SettingsError,
    StoreBusyError,
    StoreRefusedError,
)
from tidecloud.ledger import LEDGER_TABLE, LedgerEntry
from tidecloud.record import Record
from tidecloud.rows import Rows, Value

__all__ = [
    "LEDGER_TABLE",
    "CloudError",
    "LedgerEntry",
    "QuarantineError",
    "QueryError",
    "Record",
    "RecordError",
    "Rows",
    "SettingsError",
    "StoreBusyError",
    "StoreRefusedError",
    "Value",
]
