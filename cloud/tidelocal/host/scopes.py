"""For whom MiniStack works: the account and region of what runs now."""

from contextlib import AbstractContextManager
from typing import cast

from tidelocal.host.modules import Modules


class Scopes:
    """Accounts and regions of requests."""

    def __init__(self, m: Modules) -> None:
        self._responses = m["responses"]

    def scope(self, account: str, region: str) -> AbstractContextManager[None]:
        """Act for `account` in `region` within the block."""
        return cast("AbstractContextManager[None]", self._responses.request_scope(account, region))

    def caller(self) -> tuple[str, str]:
        """Return the account and region of the request being answered."""
        return str(self._responses.get_account_id()), str(self._responses.get_region())
