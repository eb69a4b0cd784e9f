"""Who may use the server: whoever can read its token file, or what the nucleus vouches for."""

import hmac
import os
import secrets
from pathlib import Path

from tidegate.segment_log.cursors import replace_file
from tidegate.streams.errors import StreamsError

TOKEN_CHARACTERS_MIN = 16
TOKEN_BYTES_MAX = 4_096


def token_in(path: Path) -> str:
    """Return the token in `path`; make one where there is none, readable by its owner only.

    Raises `StreamsError` where others may read it, or it is too short to be one.
    """
    if path.exists():
        return read_token(path)
    token = secrets.token_urlsafe(32)
    replace_file(path, token.encode())  # whole or not there, so that a cut leaves no empty one
    return token


def read_token(path: Path) -> str:
    """Return the token in `path`; raises `StreamsError`, and `OSError` where there is no file."""
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & 0o077:
            raise StreamsError(f"others may read {path}: chmod 600 {path}")
        text = file.read(TOKEN_BYTES_MAX)
    token = text.decode("ascii", "replace").strip()
    if len(token) < TOKEN_CHARACTERS_MIN:
        raise StreamsError(
            f"the token in {path} has under {TOKEN_CHARACTERS_MIN} characters: delete the file and"
            " start the stream manager again"
        )
    return token


def is_same(token: str | None, expected: str) -> bool:
    """Compare tokens in a time that tells nothing."""
    return token is not None and hmac.compare_digest(token.encode(), expected.encode())
