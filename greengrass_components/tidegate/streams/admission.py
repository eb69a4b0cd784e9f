"""Who is let in: whoever has the token of the file, or whom the nucleus vouches for."""

import asyncio
import logging
from collections.abc import Callable

from tidegate.ipc import IpcClient, IpcError
from tidegate.streams.token import is_same

VOUCHED_MAX = 100  # tokens that are remembered, so that each is asked about once

log = logging.getLogger(__name__)


class TokenAdmission:
    """Lets in who has the one token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, token: str | None, decide: Callable[[bool], None]) -> None:
        """Decide at once."""
        decide(is_same(token, self._token))


class NucleusAdmission:
    """Lets in components by the token that the nucleus gave them.

    Both nuclei answer only a component that is named `aws.greengrass.StreamManager`.
    """

    def __init__(self, ipc: IpcClient) -> None:
        self._ipc = ipc
        self._vouched: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()

    def __call__(self, token: str | None, decide: Callable[[bool], None]) -> None:
        """Decide once the nucleus has answered."""
        if token is None or token in self._vouched:
            decide(token is not None)
            return
        task = asyncio.get_running_loop().create_task(self._ask(token, decide))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, token: str, decide: Callable[[bool], None]) -> None:
        try:
            is_good = await self._ipc.validate_token(token)
        except (IpcError, TimeoutError) as error:
            log.warning("the nucleus did not say whether a token is good: %s", error)
            is_good = False
        if is_good:
            if len(self._vouched) >= VOUCHED_MAX:
                self._vouched.clear()
            self._vouched.add(token)
        decide(is_good)


def everyone(_token: str | None, decide: Callable[[bool], None]) -> None:
    """Let anyone in who can reach the socket."""
    decide(True)
