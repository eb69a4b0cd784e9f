"""A plugin of amqtt's that lets anyone in as a user: it keeps messages for users only."""

from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session


class AnyUser(BaseAuthPlugin):
    """Takes every name and password."""

    async def authenticate(self, *, session: Session) -> bool | None:  # noqa: ARG002  amqtt's signature
        """Let it in."""
        return True
