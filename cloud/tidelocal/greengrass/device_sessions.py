"""Credentials that devices hold, which outlive a restart here as they would on AWS.

MiniStack forgets sessions with its process; a gateway holds its own for an hour, and would be
refused till then. Kept for their owner only, until they end.
"""

import time
from typing import Any

from tidelocal.greengrass.documents import Documents
from tidelocal.host import Host, Identity


class DeviceSessions:
    """Sessions by access key."""

    def __init__(self, host: Host, documents: Documents) -> None:
        self._host, self._documents = host, documents

    def make(self, identity: Identity, role_arn: str, duration_s: int) -> tuple[str, str, str]:
        """Return access key, secret and token of a role, for a device; `ServiceCallError`."""
        access_key, session = self._host.roles.device_session(identity, role_arn, duration_s)
        account, region = identity.account, identity.region
        for name, kept in self._documents.all(account, region):
            if kept["Expiration"] < time.time():
                self._documents.remove(account, region, name)
        self._documents.put(account, region, access_key, session)
        self._host.roles.register_session(access_key, session)
        return access_key, str(session["SecretAccessKey"]), str(session["SessionToken"])

    def restore(self, account: str, region: str) -> int:
        """Make the kept sessions valid again, and return how many."""
        alive: list[tuple[str, dict[str, Any]]] = [
            (name, session)
            for name, session in self._documents.all(account, region)
            if session["Expiration"] > time.time()
        ]
        for access_key, session in alive:
            self._host.roles.register_session(access_key, session)
        return len(alive)
