"""A disk that takes no more, for this process or another of ours."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


@contextmanager
def full_disk(pid: int = 0, *, file_bytes_max: int = 0) -> Iterator[None]:
    """Let no file grow beyond `file_bytes_max` within the block; what fits is still written.

    The kernel's limit on a file's size ends a write as a full disk does: in part, then an error.
    """
    process = psutil.Process(pid or None)
    before = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (file_bytes_max, before[1]))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, before)
