"""Is the home directory usable, and are the keys in it their owner's alone?"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tidectl.checks.check import Check, Verdict
from tidectl.home import Home

LOG_BYTES_GOOD = 100_000_000
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SECRETS = ("key.der", "key.pem", "flash.img")


def privacy(home: Home) -> Iterator[Check]:
    """Look at the home directory, the keys and the logs."""
    yield home_check(home)
    yield keys_check(home)
    yield log_check(home)


def home_check(home: Home) -> Check:
    """Check that the home directory can be written to and is private."""
    path = home.path
    if not path.exists():
        above = next(place for place in path.parents if place.exists())
        if above.is_dir() and os.access(above, os.W_OK):
            return Check("home", Verdict.OK, f"{path} will be made when needed")
        return Check("home", Verdict.FAIL, f"{path} can't be made", "give another with --home")
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        return Check(
            "home", Verdict.FAIL, f"{path} can't be written to", "give another with --home"
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        return Check(
            "home", Verdict.WARN, f"{path} is open to others ({mode:o})", f"chmod 700 {path}"
        )
    return Check("home", Verdict.OK, f"{path}, yours alone")


def keys_check(home: Home) -> Check:
    """Check that no one else can read a thing's key; an image holds the key too."""
    folders = list(home.things())
    open_paths = [path for folder in folders for path in _open_to_others(folder)]
    if open_paths:
        names = ", ".join(str(path.relative_to(home.path)) for path in open_paths[:3])
        more = ", ..." if len(open_paths) > 3 else ""  # noqa: PLR2004  a line is short
        return Check(
            "keys", Verdict.FAIL, f"others may read {names}{more}",
            f"chmod -R go= {home.path / 'things'}; then tidectl provision THING --rotate",
        )  # fmt: skip
    return Check("keys", Verdict.OK, f"of {len(folders)} things, readable by you alone")


def log_check(home: Home) -> Check:
    """Check that the logs don't fill the disk."""
    logs = [home.local_log, *(folder / "board.log" for folder in home.things())]
    size_bytes = sum(path.stat().st_size for path in logs if path.exists())
    found = f"{size_bytes / 1e6:.1f} MB in {home.path}"
    if size_bytes > LOG_BYTES_GOOD:
        largest = max(
            (path for path in logs if path.exists()), key=lambda path: path.stat().st_size
        )
        return Check("logs", Verdict.WARN, found, f"truncate -s 0 {largest}")
    return Check("logs", Verdict.OK, found)


def _open_to_others(folder: Path) -> Iterator[Path]:
    for name in _SECRETS:
        path = folder / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            yield path
