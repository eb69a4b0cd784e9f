"""Whom a gateway trusts when it calls over TLS: the system's authorities, read one by one.

One context for the whole process, and from the system's folder where there is one: OpenSSL then
reads the one certificate that it needs, where the usual way keeps all 140 in memory, for each
connection, a megabyte every time.
"""

import os
import ssl
from collections.abc import Mapping
from functools import cache
from pathlib import Path


def context_for(environment: Mapping[str, str]) -> ssl.SSLContext:
    """Return a client's context; `SSL_CERT_FILE` and `SSL_CERT_DIR` are heeded as by OpenSSL."""
    folder = Path(environment.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().openssl_capath)
    if environment.get("SSL_CERT_FILE") or not any(folder.glob("*.0")):
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(capath=str(folder))
    return context


@cache
def trust() -> ssl.SSLContext:
    """Return the process's context."""
    return context_for(os.environ)
