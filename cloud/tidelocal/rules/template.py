"""Text of an action with `${expression}` parts, evaluated on the original message."""

from collections.abc import Callable

from tidelocal.rules.errors import RuleRefusedError
from tidelocal.rules.expression import compile_expression
from tidelocal.rules.grammar import parse_expression
from tidelocal.rules.message import Message
from tidelocal.rules.statement import text_of

Render = Callable[[Message], str]


def compile_template(text: str) -> Render:
    """Return what writes `text` for a message; raises `RuleRefusedError`."""
    parts: list[str | Render] = []
    at = 0
    while (start := text.find("${", at)) >= 0:
        end = _end_of(text, start + 2)
        parts.extend((text[at:start], _part(text[start + 2 : end])))
        at = end + 1
    parts.append(text[at:])
    if len(parts) == 1:
        return lambda _message: text
    return lambda message: "".join(
        part if isinstance(part, str) else part(message) for part in parts
    )


def _part(expression: str) -> Render:
    evaluate = compile_expression(parse_expression(expression))
    return lambda message: text_of(evaluate(message))


def _end_of(text: str, at: int) -> int:
    """Return where the expression that begins at `at` has its closing brace."""
    quote = ""
    for position in range(at, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "}":
            return position
    raise RuleRefusedError(f"${{ without its }} in {text!r}")
