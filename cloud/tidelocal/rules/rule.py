"""One rule: its statement, its actions, and the document its error action gets."""

import base64
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tidelocal.errors import BackPressureError, LocalCloudError
from tidelocal.rules.actions import ACTIONS_MAX, Action, Services, compile_action
from tidelocal.rules.errors import RuleRefusedError, UndeliveredError
from tidelocal.rules.message import Message
from tidelocal.rules.statement import Statement, compile_statement

# The only language version whose types run here.
SQL_VERSIONS = frozenset({"2016-03-23", "beta"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; `run` raises `UndeliveredError` or `BackPressureError`."""

    name: str
    disabled: bool
    statement: Statement
    actions: tuple[Action, ...]
    error_action: Action | None

    async def run(self, message: Message, flush: Callable[[], Awaitable[None]]) -> int:
        """Do the actions for `message`; return how many of them failed."""
        failures = []
        try:
            output = self.statement.run(message)
        except Exception as error:
            # Whatever went wrong, the sender would only send the same message again.
            if not isinstance(error, LocalCloudError):
                log.exception("select failed rule=%s", self.name)
            failures.append(_failure("SelectClause", self.name, error))
            output = None
        for action in self.actions:
            if output is None:
                break
            try:
                await action.run(message, output)
            except BackPressureError:
                raise
            except Exception as error:
                # Whatever went wrong with one action, the others and the error action go on.
                if not isinstance(error, LocalCloudError):
                    log.exception("action failed rule=%s action=%s", self.name, action.kind)
                kind = action.kind[0].upper() + action.kind[1:] + "Action"
                failures.append(_failure(kind, action.resource, error))
        if failures:
            await self._report(message, failures)
            await flush()  # what the error action wrote is kept before the sender may forget
        return len(failures)

    async def _report(self, message: Message, failures: list[dict[str, str]]) -> None:
        reason = "; ".join(failure["errorMessage"] for failure in failures)
        if self.error_action is None:
            log.warning(
                "message dropped rule=%s topic=%s reason=%s (the rule has no error action)",
                self.name, message.topic, reason,
            )  # fmt: skip
            return
        document = {
            "ruleName": self.name,
            "topic": message.topic,
            "cloudwatchTraceId": message.trace_id,
            "clientId": message.client or "N/A",
            "sourceIp": message.source_ip,
            "base64OriginalPayload": base64.b64encode(message.payload).decode(),
            "failures": failures,
        }
        log.warning("actions failed rule=%s topic=%s reason=%s", self.name, message.topic, reason)
        try:
            await self.error_action.run(message, document)
        except BackPressureError:
            raise
        except Exception as error:
            raise UndeliveredError(self.name, message.topic, f"{reason}; then {error}") from error


def compile_rule(name: str, definition: Mapping[str, Any], services: Services) -> Rule:
    """Compile a rule (API shape of a topic rule payload); raises `RuleRefusedError`."""
    version = definition.get("awsIotSqlVersion") or "2016-03-23"
    if version not in SQL_VERSIONS:
        raise RuleRefusedError(f"SQL version {version} does not run here: use 2016-03-23")
    actions = definition.get("actions") or []
    if len(actions) > ACTIONS_MAX:
        raise RuleRefusedError(f"{len(actions)} actions, {ACTIONS_MAX} at most")
    error_action = definition.get("errorAction")
    return Rule(
        name=name,
        disabled=str(definition.get("ruleDisabled", False)).lower() == "true",
        statement=compile_statement(definition.get("sql") or ""),
        actions=tuple(compile_action(action, services) for action in actions),
        error_action=compile_action(error_action, services) if error_action else None,
    )


def _failure(kind: str, resource: str, error: Exception) -> dict[str, str]:
    return {"failedAction": kind, "failedResource": resource, "errorMessage": str(error)}
