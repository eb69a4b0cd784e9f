"""Source archives from the package index that pip is configured for, as they are.

Some packages for MicroPython have a `setup.py` that pip can't run, or none: they are unpacked.
"""

import hashlib
import html
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from pip._internal.models.index import PyPI

from tests.bench.peers import PeerMissingError

_TIMEOUT_S = 60
_BYTES_MAX = 1 << 20
_PAGE = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"


def unpack(package: str, file_name: str, sha256: str, folder: Path) -> None:
    """Put what is in the archive `file_name` into `folder`; raises `PeerMissingError`."""
    try:
        page_url = f"{_index_url().rstrip('/')}/{package}/"
        url = _url_of(file_name, page_url)
        data = _got(url).read(_BYTES_MAX)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise PeerMissingError(f"{file_name} is not what it was: its SHA-256 differs")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder, filter="data")
    except (OSError, ValueError, tarfile.TarError, subprocess.SubprocessError) as error:
        raise PeerMissingError(f"{file_name} can't be had: {error}") from error


def _index_url() -> str:
    """Return the index that pip is configured for, or else pip's own."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    for line in told.stdout.splitlines():
        key, _, value = line.partition("=")
        if key.endswith("global.index-url"):
            return value.strip("'\"")
    return os.environ.get("PIP_INDEX_URL") or str(PyPI.simple_url)


def _got(url: str) -> Any:
    request = urllib.request.Request(url, headers={"Accept": _PAGE})  # noqa: S310  # as pip does
    return urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310  # as pip does


def _url_of(file_name: str, page_url: str) -> str:
    """Return where the page, of PEP 691 or of PEP 503, has the file."""
    with _got(page_url) as answer:
        text = answer.read().decode()
        if "json" in answer.headers.get_content_type():
            urls = {file["filename"]: file["url"] for file in json.loads(text)["files"]}
        else:
            links = re.findall(r'<a [^>]*?href="([^"]+)"[^>]*>\s*([^<\s]+)\s*</a>', text)
            urls = {html.unescape(name): html.unescape(url) for url, name in links}
    if file_name not in urls:
        raise PeerMissingError(f"the package index has no {file_name}")
    return urllib.parse.urljoin(page_url, urls[file_name])
