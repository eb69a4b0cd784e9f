"""A batch that waits in the outbox, by what its file's name says."""

from collections import namedtuple

Entry = namedtuple("Entry", ("sequence", "samples", "size_bytes", "measurement"))
