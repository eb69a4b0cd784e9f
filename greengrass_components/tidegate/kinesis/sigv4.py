"""Sign a request for AWS: Signature Version 4, with all its headers signed.

Pure, standard library only: botocore would take 27 MB of a gateway's memory.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `expires_at_s` (epoch) is None for one that lives on."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at_s: float | None = None


def signed_headers(
    credentials: Credentials,
    *,
    region: str,
    service: str,
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    path: str = "/",
    method: str = "POST",
    query: str = "",
    body_sha256: str | None = None,
) -> dict[str, str]:
    """Return `headers`, which have `host`, with those that sign a request of `body` to `path`.

    `path` and `query` are in their canonical form: AWS encodes a path twice, except for S3.
    With `body_sha256` (hex) the body itself need not be in memory.
    """
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed["x-amz-date"] = stamp
    if credentials.token is not None:
        signed["x-amz-security-token"] = credentials.token
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    body_sha256 = body_sha256 or hashlib.sha256(body).hexdigest()
    canonical = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{body_sha256}"
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = _signing_key(credentials.secret_key, stamp[:8], region, service)
    signature = hmac.new(key, f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), "sha256")
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={names}, Signature={signature.hexdigest()}"
    )
    return signed


@lru_cache(maxsize=4)  # one a day and key
def _signing_key(secret_key: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    return key
