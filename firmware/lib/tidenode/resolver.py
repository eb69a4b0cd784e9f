"""Turn a host and a port into a socket address.

A number is one already; a name is looked up by `tidenode.lookup`, which is loaded when the
first name comes.
Bounded: one lookup at a time; while one hangs, the next is refused.
"""

import socket

from tidenode.errors import LinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Resolver:
    """Finds socket addresses, which are opaque: their form differs between ports."""

    def __init__(self) -> None:
        self._busy = False

    async def resolve(self, host: str, port: int, kind: int = socket.SOCK_STREAM) -> "Any":
        """Return an address of `host`, asked for anew at each call.

        Raises OSError, and LinkError while an earlier lookup still hangs.
        """
        if not host.strip("0123456789."):
            return socket.getaddrinfo(host, port, 0, kind)[0][-1]
        if self._busy:
            raise LinkError("DNS still looks for an earlier name")
        from tidenode.lookup import look_up

        self._busy = True
        return await look_up(host, port, kind, self._free)

    def _free(self) -> None:
        self._busy = False
