"""What goes wrong with an OPC UA server, with what to do about it."""

from typing import Any

from tidegate.errors import BusDownError, GateError

_HINTS = {
    "BadCertificateUntrusted": "let the server trust this gateway's certificate.der",
    "BadSecurityChecksFailed": "let the server trust this gateway's certificate.der",
    "BadCertificateUriInvalid": "the server wants another application URI; remove the key folder",
    "BadIdentityTokenRejected": "check user and password_file",
    "BadIdentityTokenInvalid": "check user and password_file; some servers allow no anonymous user",
    "BadUserAccessDenied": "give the user the right to read these nodes",
    "BadSecurityPolicyRejected": "choose a policy that the server offers",
    "BadTooManySessions": "end other sessions on the server, or raise its limit",
    "BadNodeIdUnknown": "browse the server for the nodes that it has",
}


class OpcuaError(GateError):
    """The server did not do what it was asked for; `code` is its status code's name, or ""."""

    def __init__(self, what: str, why: object = "") -> None:
        self.code = type(why).__name__ if type(why).__name__.startswith("Bad") else ""
        reason = self.code or str(why) or type(why).__name__
        hint = _HINTS.get(self.code, "")
        text = what if why == "" else f"{what}: {reason}"
        super().__init__(f"{text}; {hint}" if hint else text)


class OpcuaDownError(OpcuaError, BusDownError):
    """There is no connection to the server."""


def code_name(status: Any) -> str:
    """Return the name of a status code."""
    return str(getattr(status, "name", status))
