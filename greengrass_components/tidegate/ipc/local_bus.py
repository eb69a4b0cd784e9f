"""Messages between the components of one gateway.

Flow: PublishToTopic -> [local bus] -> SubscribeToTopic
Bounded: nothing is kept; who does not read is ended by its session's limit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.ipc.topic_filter import takes

Deliver = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, eq=False)
class _Subscription:
    component: str
    topic_filter: str
    others_only: bool
    deliver: Deliver


class LocalBus:
    """Topics without a broker; a filter may hold `+` and `#`."""

    def __init__(self) -> None:
        self._subscriptions: list[_Subscription] = []

    def __len__(self) -> int:
        return len(self._subscriptions)

    def subscribe(
        self, component: str, topic_filter: str, deliver: Deliver, *, others_only: bool = False
    ) -> Callable[[], None]:
        """Deliver topic and message until the returned function is called."""
        one = _Subscription(component, topic_filter, others_only, deliver)
        self._subscriptions.append(one)

        def cancel() -> None:
            if one in self._subscriptions:
                self._subscriptions.remove(one)

        return cancel

    def publish(self, component: str, topic: str, message: Mapping[str, Any]) -> int:
        """Deliver to every subscriber, and return to how many."""
        receivers = [
            one
            for one in self._subscriptions
            if takes(one.topic_filter, topic)
            and not (one.others_only and one.component == component)
        ]
        for one in receivers:
            one.deliver(topic, message)
        return len(receivers)
