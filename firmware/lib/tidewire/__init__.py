"""The wire format, the topics and the limits: what board, gateway and cloud share.

A name is imported from its file on first use, so that a board which only encodes loads
neither the decoders nor what they need; MicroPython calls `__getattr__` as CPython does.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidewire.batch import Batch
    from tidewire.column import (
        BOOLEAN,
        DECIMAL,
        FLOAT,
        INTEGER,
        TEXT,
        Column,
    )
    from tidewire.decoder import decode
    from tidewire.encoder import encode
    from tidewire.errors import WireError, WireLimitError, WireMalformedError
    from tidewire.read_errors import WireTruncatedError, WireVersionError
    from tidewire.values import column_of, real_values

__all__ = [
    "BOOLEAN",
    "DECIMAL",
    "FLOAT",
    "INTEGER",
    "TEXT",
    "Batch",
    "Column",
    "WireError",
    "WireLimitError",
    "WireMalformedError",
    "WireTruncatedError",
    "WireVersionError",
    "column_of",
    "decode",
    "encode",
    "real_values",
]

_FILES = {
    "Batch": "batch",
    "column_of": "values",
    "decode": "decoder",
    "encode": "encoder",
    "real_values": "values",
    "WireTruncatedError": "read_errors",
    "WireVersionError": "read_errors",
}


def __getattr__(name: str) -> object:
    if name in __all__:
        file = _FILES.get(name) or ("errors" if name.startswith("Wire") else "column")
        return getattr(__import__(f"tidewire.{file}", None, None, (name,)), name)
    if not name.startswith("_"):
        # MicroPython asks here for `from tidewire import topic` before it looks for the file.
        try:
            return __import__(f"tidewire.{name}", None, None, (name,))
        except ImportError:
            pass
    raise AttributeError(f"module 'tidewire' has no attribute {name!r}")
