"""Compile an expression's tree to a closure over the message.

Refused while compiling: unknown functions, wrong numbers of arguments, `*` where no raw payload
fits. Nothing is looked up by name when a message arrives.
"""

import operator
from collections.abc import Callable, Mapping

from lark import Token, Tree

from tidelocal.rules import clock_pattern
from tidelocal.rules.conversion import (
    equal,
    in_range,
    number_of,
    to_boolean,
    to_number,
    to_text,
)
from tidelocal.rules.errors import RuleRefusedError
from tidelocal.rules.functions import ABSENT, ENCODING, FUNCTIONS, Function
from tidelocal.rules.message import UNDEFINED, Message, Undefined, Value

Evaluate = Callable[[Message], Value]
Node = Tree[Token]
_ORDER: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def compile_expression(node: Node) -> Evaluate:
    """Return the closure of `node`; raises `RuleRefusedError`."""
    try:
        return _COMPILERS[node.data](node)
    except RecursionError as error:
        raise RuleRefusedError("the SQL is nested too deeply") from error


def _nodes(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Tree)]


def _token(node: Node, at: int = 0) -> str:
    return str(node.children[at])


def unquoted(literal: str) -> str:
    """Return the text of a string literal."""
    return literal[1:-1].replace("''", "'") if literal[0] == "'" else literal[1:-1]


def _constant(value: Value) -> Evaluate:
    return lambda _message: value


def _number(node: Node) -> Evaluate:
    number = number_of(_token(node))
    if isinstance(number, Undefined):
        raise RuleRefusedError(f"{_token(node)} is beyond the numbers of IoT SQL")
    return _constant(number)


def _attribute(node: Node) -> Evaluate:
    name = _token(node)

    def read(message: Message) -> Value:
        document = message.document
        return document.get(name, UNDEFINED) if isinstance(document, dict) else UNDEFINED

    return read


def _member(node: Node) -> Evaluate:
    owner, name = compile_expression(_nodes(node)[0]), _token(node, 1)

    def read(message: Message) -> Value:
        value = owner(message)
        return value.get(name, UNDEFINED) if isinstance(value, dict) else UNDEFINED

    return read


def _call(node: Node) -> Evaluate:
    name, argument_nodes = _token(node), []
    if isinstance(node.children[1], Tree):
        argument_nodes = _nodes(node.children[1])
    function = FUNCTIONS.get(name.lower())
    if function is None:
        known = name.lower() in ABSENT
        why = "does not run in this local cloud yet" if known else "is not a function of IoT SQL"
        raise RuleRefusedError(f"{name}() {why}")
    if not function.least <= len(argument_nodes) <= function.most:
        wanted = str(function.least)
        if function.most != function.least:
            wanted += f" to {function.most}"
        raise RuleRefusedError(f"{name}() takes {wanted} arguments, not {len(argument_nodes)}")
    _check_literals(name.lower(), argument_nodes)
    arguments = [_argument(name, function, at, each) for at, each in enumerate(argument_nodes)]
    body = function.body
    if not arguments:
        return body
    if len(arguments) == 1:
        (only,) = arguments
        return lambda message: body(message, only(message))
    return lambda message: body(message, *[argument(message) for argument in arguments])


def _argument(name: str, function: Function, at: int, node: Node) -> Evaluate:
    if node.data != "whole":
        return compile_expression(node)
    if not function.takes_whole or at != 0:
        raise RuleRefusedError(f"{name}() does not take * as argument {at + 1}")
    return lambda message: message.payload


def _check_literals(name: str, arguments: list[Node]) -> None:
    """Refuse a date pattern or an encoding that could never be written."""
    if name == "parse_time" and arguments[0].data == "text":
        pattern = unquoted(_token(arguments[0]))
        try:
            clock_pattern.render(pattern, 0, "UTC")
        except ValueError as error:
            raise RuleRefusedError(f"parse_time() of {pattern!r}: {error}") from error
    if name == "encode" and arguments[1].data == "text":
        scheme = unquoted(_token(arguments[1]))
        if scheme != ENCODING:
            raise RuleRefusedError(f"encode() writes {ENCODING!r} alone, not {scheme!r}")


def _logic(node: Node) -> Evaluate:
    left, right = (compile_expression(each) for each in _nodes(node))
    short = node.data == "or_"

    def decide(message: Message) -> Value:
        first = to_boolean(left(message))
        if first is short:
            return short
        second = to_boolean(right(message))
        if second is short:
            return short
        return UNDEFINED if first is UNDEFINED or second is UNDEFINED else not short

    return decide


def _not(node: Node) -> Evaluate:
    inner = compile_expression(_nodes(node)[0])

    def negate(message: Message) -> Value:
        value = to_boolean(inner(message))
        return UNDEFINED if value is UNDEFINED else not value

    return negate


def _compare(node: Node) -> Evaluate:
    left, right = (compile_expression(each) for each in _nodes(node))
    sign = _token(node, 1)
    if sign == "=":
        return lambda message: equal(left(message), right(message))
    if sign == "<>":

        def differs(message: Message) -> Value:
            same = equal(left(message), right(message))
            return UNDEFINED if same is UNDEFINED else not same

        return differs
    holds = _ORDER[sign]

    def order(message: Message) -> Value:
        first, second = to_number(left(message)), to_number(right(message))
        if isinstance(first, Undefined) or isinstance(second, Undefined):
            return UNDEFINED
        return holds(first, second)

    return order


def _arithmetic(node: Node) -> Evaluate:
    left, right = (compile_expression(each) for each in _nodes(node))
    sign = _token(node, 1)

    def work(message: Message) -> Value:
        return _operate(sign, left(message), right(message))

    return work


def _operate(sign: str, left: Value, right: Value) -> Value:
    if sign == "+" and (isinstance(left, str) or isinstance(right, str)):
        texts = to_text(left), to_text(right)
        return UNDEFINED if UNDEFINED in texts else f"{texts[0]}{texts[1]}"
    first, second = to_number(left), to_number(right)
    if isinstance(first, Undefined) or isinstance(second, Undefined):
        return UNDEFINED
    if sign != "+" and (isinstance(left, str) or isinstance(right, str)):
        first, second = float(first), float(second)  # a text makes it a Decimal
    try:
        return in_range(_ARITHMETIC[sign](first, second))
    except (ZeroDivisionError, OverflowError):
        return UNDEFINED


def _divide(left: float, right: float) -> float:
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    return left / right


def _remainder(left: float, right: float) -> float:
    return left - right * int(_divide(left, right))


_ARITHMETIC: Mapping[str, Callable[..., float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}


def _signed(node: Node) -> Evaluate:
    inner = compile_expression(_nodes(node)[0])
    if _token(node) == "+":
        return inner

    def negate(message: Message) -> Value:
        number = to_number(inner(message))
        return UNDEFINED if isinstance(number, Undefined) else -number

    return negate


_COMPILERS: Mapping[str, Callable[[Node], Evaluate]] = {
    "number": _number,
    "text": lambda node: _constant(unquoted(_token(node))),
    "true": lambda _node: _constant(True),
    "false": lambda _node: _constant(False),
    "null": lambda _node: _constant(None),
    "undefined": lambda _node: _constant(UNDEFINED),
    "attribute": _attribute,
    "member": _member,
    "call": _call,
    "or_": _logic,
    "and_": _logic,
    "not_": _not,
    "compare": _compare,
    "arithmetic": _arithmetic,
    "signed": _signed,
}
