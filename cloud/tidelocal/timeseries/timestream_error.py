"""The errors that the Timestream API tells its callers."""

from collections.abc import Mapping
from typing import Any

from tidelocal.timeseries.errors import TimeSeriesError


class TimestreamError(TimeSeriesError):
    """`kind` is the API's name of the error; `details` its further members."""

    def __init__(
        self, kind: str, message: str, status: int = 400, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.status, self.details = kind, status, dict(details or {})


class ValidationError(TimestreamError):
    """The request is malformed as a whole; nothing of it was done."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationException", message)


def text(request: Mapping[str, Any], name: str) -> str:
    """A member that must be there. Raises ValidationError."""
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise ValidationError(f"{name} must be a text that is not empty")
    return value
