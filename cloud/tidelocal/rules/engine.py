"""Run every rule whose filter matches a message, before the broker acknowledges it.

Flow: broker -> [rules] -> action -> stream
Nothing waits here: a message is done with when its actions are. A sender is not acknowledged
when neither the actions nor the error action took its message, nor when it names a rule that
does not exist (AWS acknowledges both, and they are gone).
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any

from tidelocal.host import Publish
from tidelocal.rules.actions import Services
from tidelocal.rules.errors import RuleRefusedError, UndeliveredError
from tidelocal.rules.message import Message
from tidelocal.rules.rule import Rule, compile_rule
from tidelocal.rules.topic_tree import TopicTree

Place = tuple[str, str]  # account, region
REPUBLISH_DEPTH_MAX = 8  # rules that feed each other end here instead of never

log = logging.getLogger(__name__)
_depth: ContextVar[int] = ContextVar("rule_depth", default=0)


class RuleEngine:
    """The compiled rules of every account and region; counts what it did."""

    def __init__(
        self,
        *,
        services: Services,
        definitions: Callable[[], Iterable[tuple[str, str, Mapping[str, Any]]]],
        clock_ms: Callable[[], int],
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        self._services, self._definitions = services, definitions
        self._clock_ms, self._flush = clock_ms, flush
        self._by_name: dict[tuple[str, str, str], Rule] = {}
        self._by_topic: dict[Place, TopicTree[Rule]] = {}
        self.matched = self.failed = self.undelivered = self.ignored = 0

    def check(self, name: str, definition: Mapping[str, Any]) -> None:
        """Raise `RuleRefusedError` unless the rule can run exactly as written."""
        compile_rule(name, definition, self._services)

    def reload(self) -> None:
        """Compile the rules anew: one was made, changed, deleted or loaded."""
        by_name: dict[tuple[str, str, str], Rule] = {}
        by_topic: dict[Place, TopicTree[Rule]] = {}
        for account, region, definition in self._definitions():
            name = definition["ruleName"]
            try:
                rule = compile_rule(name, definition, self._services)
            except RuleRefusedError:
                # Kept by an older local cloud: senders that name it will not be acknowledged.
                log.exception("rule does not run rule=%s", name)
                continue
            by_name[account, region, name] = rule
            if rule.statement.topic_filter is not None and not rule.disabled:
                tree = by_topic.setdefault((account, region), TopicTree())
                tree.add(rule.statement.topic_filter, rule)
        self._by_name, self._by_topic = by_name, by_topic

    async def on_publish(self, publish: Publish) -> None:
        """Run the rules that match; raises `UndeliveredError` or `BackPressureError`."""
        tree = self._by_topic.get((publish.account, publish.region))
        if tree is None:
            return
        rules = list(tree.match(publish.topic))
        if not rules:
            return
        message = self._message(publish)
        undelivered: UndeliveredError | None = None
        for rule in rules:
            try:
                await self._run(rule, message)
            except UndeliveredError as error:
                undelivered = error  # the other rules still get the message
        if undelivered is not None:
            raise undelivered

    async def on_ingest(self, publish: Publish, rule_name: str) -> None:
        """Run the one rule that a Basic Ingest topic names; raises as `on_publish`."""
        rule = self._by_name.get((publish.account, publish.region, rule_name))
        if rule is None:
            self.undelivered += 1
            raise UndeliveredError(
                rule_name or "?", publish.topic, "there is no such rule: deploy the stack first"
            )
        if rule.disabled:
            self.ignored += 1
            log.warning("message dropped rule=%s reason=the rule is disabled", rule_name)
            return
        await self._run(rule, self._message(publish))

    async def _run(self, rule: Rule, message: Message) -> None:
        depth = _depth.get()
        if depth >= REPUBLISH_DEPTH_MAX:
            self.undelivered += 1
            raise UndeliveredError(
                rule.name, message.topic, f"rules republish {depth} deep: they feed each other"
            )
        token = _depth.set(depth + 1)
        self.matched += 1
        try:
            # Not `+= await`: it would forget what was counted meanwhile.
            failures = await rule.run(message, self._flush)
            self.failed += failures
        except UndeliveredError:
            self.undelivered += 1
            raise
        finally:
            _depth.reset(token)

    def _message(self, publish: Publish) -> Message:
        return Message(
            topic=publish.topic,
            payload=publish.payload,
            client=publish.client,
            principal=publish.principal,
            trace_id=publish.trace_id,
            source_ip=publish.source_ip,
            account=publish.account,
            region=publish.region,
            received_at_ms=self._clock_ms(),
        )
