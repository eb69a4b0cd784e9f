"""MiniStack's topic rules: their definitions are its, what they do is ours."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidelocal.host.modules import Modules


@dataclass(frozen=True, slots=True)
class Publish:
    """One message that reached the rules engine."""

    account: str
    region: str
    topic: str
    payload: bytes
    client: str | None
    principal: str | None
    trace_id: str
    source_ip: str


@dataclass(frozen=True, slots=True)
class RuleHooks:
    """Our rules engine as MiniStack sees it."""

    check: Callable[[str, Mapping[str, Any]], None]
    changed: Callable[[], None]
    on_publish: Callable[[Publish], Awaitable[None]]
    on_ingest: Callable[[Publish, str], Awaitable[None]]
    refusal: type[Exception]


class HostedRules:
    """The rules, and the way of each message to our engine."""

    def __init__(self, m: Modules) -> None:
        self._iot = m["iot"]

    def replace(self, hooks: RuleHooks) -> None:
        """Put our rules engine in the place of MiniStack's."""
        iot = self._iot
        put, delete, disable = (
            iot.put_topic_rule,
            iot.delete_topic_rule,
            iot._set_topic_rule_disabled,
        )

        def put_checked(
            name: str, payload: dict[str, Any], *, created_at: float | None = None
        ) -> Any:
            try:
                hooks.check(name, payload)
            except hooks.refusal as error:
                raise iot.RuleSqlError(str(error)) from error
            rule = put(name, payload, created_at=created_at)
            hooks.changed()
            return rule

        def delete_and_tell(name: str) -> None:
            delete(name)
            hooks.changed()

        def disable_and_tell(name: str, disabled: bool) -> Any:
            answer = disable(name, disabled)
            hooks.changed()
            return answer

        async def on_publish(
            account_id: str, region: str, topic: str, payload: bytes, client_id: str | None = None
        ) -> None:
            await hooks.on_publish(
                self._publish_of(account_id, region, topic=topic, payload=payload, client=client_id)
            )

        async def on_ingest(  # noqa: PLR0917 called as MiniStack's own was
            account_id: str,
            region: str,
            rule: dict[str, Any] | None,
            payload: bytes,
            topic: str = "",
            client_id: str | None = None,
        ) -> None:
            publish = self._publish_of(
                account_id, region, topic=topic, payload=payload or b"", client=client_id
            )
            await hooks.on_ingest(publish, rule["ruleName"] if rule else "")

        iot.put_topic_rule, iot.delete_topic_rule = put_checked, delete_and_tell
        iot._set_topic_rule_disabled = disable_and_tell
        iot._validate_rule_sql = lambda _sql: None
        iot._unimplemented_sql_functions = lambda _sql: []
        iot._evaluate_topic_rules, iot._run_rule_actions = on_publish, on_ingest

    def _publish_of(
        self, account: str, region: str, *, topic: str, payload: bytes, client: str | None
    ) -> Publish:
        principal, trace_id = self._iot._rule_message_identity.get()
        source_ip = self._iot._publish_source_ip.get()
        return Publish(account, region, topic, payload, client, principal, trace_id, source_ip)

    def definitions(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield account, region and definition (API shape) of every rule."""
        for (account, region, _name), rule in list(self._iot._topic_rules._data.items()):
            yield account, region, rule

    def put(self, name: str, payload: dict[str, Any], tags: list[dict[str, str]]) -> str:
        """Make or replace a rule (API shape) and return its ARN; raises ValueError."""
        existing = self._iot._topic_rules.get(name)
        created_at = existing.get("createdAt") if existing else None
        self._iot.put_topic_rule(name, payload, created_at=created_at)
        arn = str(self._iot._topic_rule_arn(name))
        self._iot._set_created_tags(
            arn, [{"Key": tag["Key"], "Value": tag["Value"]} for tag in tags]
        )
        return arn

    def has(self, name: str) -> bool:
        """Whether the rule exists in the caller's account."""
        return name in self._iot._topic_rules

    def delete(self, name: str) -> None:
        """Forget a rule."""
        self._iot.delete_topic_rule(name)
