"""A rule's SQL, compiled: which topics, which messages, and what goes to the actions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lark import Token, Tree

from tidelocal.rules.conversion import json_bytes, to_text
from tidelocal.rules.errors import PayloadError, RuleRefusedError
from tidelocal.rules.expression import Evaluate, compile_expression, unquoted
from tidelocal.rules.grammar import parse_statement
from tidelocal.rules.message import UNDEFINED, Message, Undefined, Value
from tidelocal.rules.topic_tree import check_filter

# What a rule hands to its actions: a JSON object, or raw bytes for `SELECT *` of any payload.
Output = dict[str, Any] | bytes


@dataclass(frozen=True, slots=True)
class Statement:
    """`topic_filter` is None for a rule without FROM, which Basic Ingest alone reaches."""

    topic_filter: str | None
    where: Evaluate | None
    select: Callable[[Message], Output]

    def run(self, message: Message) -> Output | None:
        """Return what the actions get, None when WHERE is not true; raises `PayloadError`."""
        if self.where is not None and self.where(message) is not True:
            return None
        return self.select(message)


def compile_statement(sql: str) -> Statement:
    """Compile `sql`; raises `RuleRefusedError`."""
    tree = parse_statement(sql)
    items = next(child for child in tree.children if isinstance(child, Tree))
    source, condition = None, None
    for keyword, value in zip(tree.children, tree.children[1:], strict=False):
        kind = keyword.type if isinstance(keyword, Token) else ""
        if kind == "FROM":
            source = unquoted(str(value))
        elif kind == "WHERE" and isinstance(value, Tree):
            condition = compile_expression(value)
    if source is not None:
        check_filter(source)
    return Statement(source, condition, _select(items))


def output_bytes(output: Output) -> bytes:
    """Return what an action sends."""
    return output if isinstance(output, bytes) else json_bytes(output)


def _select(items: Tree[Token]) -> Callable[[Message], Output]:
    nodes = [child for child in items.children if isinstance(child, Tree)]
    if [node.data for node in nodes] == ["everything"]:
        return lambda message: message.payload
    steps = [_step(node) for node in nodes]

    def select(message: Message) -> Output:
        output: dict[str, Any] = {}
        for step in steps:
            step(message, output)
        return output

    return select


def _step(node: Tree[Token]) -> Callable[[Message, dict[str, Any]], None]:
    if node.data == "everything":
        return _add_everything
    expression, _as, alias = node.children
    assert isinstance(expression, Tree)  # noqa: S101 the grammar says so
    evaluate = compile_expression(expression)
    if isinstance(alias, Tree):
        path = [str(level) for level in alias.children]
    else:
        path = [_default_name(expression)]
    *parents, name = path

    def add(message: Message, output: dict[str, Any]) -> None:
        value = evaluate(message)
        if value is UNDEFINED:
            return
        if isinstance(value, bytes):
            raise PayloadError("the payload's bytes fit no JSON: use encode(*, 'base64')")
        for parent in parents:
            inner = output.get(parent, {})
            if not isinstance(inner, dict):
                raise PayloadError(f"{'.'.join(path)} stands inside a value that is no object")
            # A copy: with `*` the inner object is the message's own.
            output[parent] = output = dict(inner)
        output[name] = value

    return add


def _add_everything(message: Message, output: dict[str, Any]) -> None:
    document = message.document
    if not isinstance(document, dict):
        raise PayloadError("`*` beside other columns needs a JSON object as payload")
    output.update(document)


def _default_name(expression: Tree[Token]) -> str:
    """Name a column without AS: by its attribute or its function, as AWS does."""
    if expression.data in ("attribute", "call"):
        return str(expression.children[0])
    if expression.data == "member":
        return str(expression.children[1])
    raise RuleRefusedError("a column that is neither an attribute nor a function needs AS name")


def text_of(value: Value | Undefined) -> str:
    """Return `value` as a template writes it: Undefined and null are empty."""
    text = to_text(value)
    return text if isinstance(text, str) else ""
