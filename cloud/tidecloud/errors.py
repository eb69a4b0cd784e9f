"""The package's errors; whether to retry, set aside or answer is decided by their type."""

from collections.abc import Mapping


class CloudError(Exception):
    """Base of everything this package raises on purpose."""


class SettingsError(CloudError):
    """The environment does not describe a function; all mistakes are in one message."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class RecordError(CloudError):
    """A record can't become rows: it is set aside, whole, under `reason`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class StoreBusyError(CloudError):
    """The store is throttled or absent: what was not written yet must be tried again.

    `batches_stored` batches from the front are safe, ledger included.
    """

    def __init__(self, detail: str, batches_stored: int = 0) -> None:
        super().__init__(detail)
        self.batches_stored = batches_stored


class StoreRefusedError(CloudError):
    """The store answered that something never fits.

    `lines` maps the number of a refused line of the request, from 0, to the store's words; it
    is empty when the store did not say which.
    """

    def __init__(self, detail: str, lines: Mapping[int, str] | None = None) -> None:
        super().__init__(detail)
        self.lines = dict(lines or {})


class QuarantineError(CloudError):
    """The quarantine did not take a record: the record must be tried again."""


class QueryError(CloudError):
    """The statement, or the request around it, is wrong; the text is for who asked."""


class GatewaysError(CloudError):
    """The entry of a gateway is none; the text is for who looks after the gateways."""


class GatewaysBusyError(CloudError):
    """Who speaks for which thing can't be read now: the record must be tried again."""


class AdmissionError(CloudError):
    """A board may not become what it asks for; the text is for who looks after the boards."""
