"""The server's answers, and the request ids that they go to. Pure."""

from typing import Any

from tidegate.streams.errors import StreamFrameError, StreamRequestError
from tidegate.streams.frame import packed
from tidegate.streams.status import ANSWERS, Operation, Status

REQUEST_ID_CHARACTERS_MAX = 1_000
_KNOWN = frozenset(int(operation) for operation in Operation)


def request_id_of(body: dict[str, Any]) -> str:
    """Return a request's id; raises `StreamFrameError`, since nothing else could be answered."""
    request_id = body.get("requestId")
    if not isinstance(request_id, str) or not 0 < len(request_id) <= REQUEST_ID_CHARACTERS_MAX:
        raise StreamFrameError("a request without a requestId")
    return request_id


def answer(
    operation: int,
    request_id: str | None,
    error: StreamRequestError | None = None,
    more: dict[str, Any] | None = None,
) -> bytes:
    """Return the frame that answers a request: `more` of success, or the refusal.

    Raises `StreamFrameError` where the request had no id.
    """
    if request_id is None:
        raise StreamFrameError("a request without a requestId")
    body: dict[str, Any] = {
        "requestId": request_id,
        "status": error.status if error else int(Status.SUCCESS),
    }
    if error:
        body["errorMessage"] = error.message
    kind = ANSWERS.get(Operation(operation)) if operation in _KNOWN else None
    if kind is None:
        body["status"] = int(Status.UNKNOWN_OPERATION)
        body["errorMessage"] = f"this server knows no operation {operation}"
        kind = Operation.UNKNOWN_OPERATION
    return packed(kind, body | (more or {}))
