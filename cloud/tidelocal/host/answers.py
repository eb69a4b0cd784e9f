"""What MiniStack's own handlers answer, and the error it stands for."""

import json
from typing import Any

from tidelocal.errors import ServiceCallError

HTTP_ERROR = 400


def raise_for(service: str, answer: tuple[int, Any, Any]) -> None:
    """Raise `ServiceCallError` where `answer` is an error's."""
    status, _headers, body = answer
    if status < HTTP_ERROR:
        return
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body)
    try:
        document = json.loads(text)
        code, message = document.get("__type", str(status)), document.get("message", text)
    except (ValueError, AttributeError):
        code, message = str(status), text[:500]
    raise ServiceCallError(service, code, message)
