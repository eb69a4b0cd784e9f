"""The grammar of the IoT SQL that runs here.

After AWS IoT SQL (developer guide, "AWS IoT SQL reference"). What the grammar does not hold
(SET, CASE, SELECT VALUE, nested SELECT, object and array literals) is refused, by name.
"""

import re
from functools import cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from tidelocal.rules.errors import RuleRefusedError

GRAMMAR = r"""
statement: SELECT items [FROM STRING] [WHERE expression]
items: item ("," item)*
item: STAR -> everything
    | expression [AS alias] -> column
alias: NAME ("." NAME)*

?expression: disjunction
?disjunction: conjunction | disjunction OR conjunction -> or_
?conjunction: negation | conjunction AND negation -> and_
?negation: comparison | NOT negation -> not_
?comparison: sum | comparison COMPARE sum -> compare
?sum: product | sum PLUS_MINUS product -> arithmetic
?product: sign | product (STAR | TIMES) sign -> arithmetic
?sign: access | PLUS_MINUS sign -> signed
?access: atom | access "." NAME -> member
?atom: NUMBER -> number
    | STRING -> text
    | TRUE -> true
    | FALSE -> false
    | NULL -> null
    | UNDEFINED -> undefined
    | NAME -> attribute
    | NAME "(" [arguments] ")" -> call
    | "(" expression ")"
arguments: argument ("," argument)*
?argument: STAR -> whole | expression

SELECT.2: /SELECT\b/i
FROM.2: /FROM\b/i
WHERE.2: /WHERE\b/i
AS.2: /AS\b/i
AND.2: /AND\b/i
OR.2: /OR\b/i
NOT.2: /NOT\b/i
TRUE.2: /TRUE\b/i
FALSE.2: /FALSE\b/i
NULL.2: /NULL\b/i
UNDEFINED.2: /UNDEFINED\b/i
STAR: "*"
TIMES: "/" | "%"
PLUS_MINUS: /\+|-(?!-)/
COMPARE: "<=" | ">=" | "<>" | "=" | "<" | ">"
STRING: /'(?:[^']|'')*'/ | /"[^"]*"/
NUMBER: /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/
NAME: /[A-Za-z_][A-Za-z0-9_]*/
%ignore /[\s]+/
"""
STATEMENT_CHARACTERS_MAX = 262_144  # AWS: size of a rule's SQL statement
# Words of AWS IoT SQL that this grammar does not hold.
_ABSENT = {
    "SET": "SET variables", "CASE": "CASE", "VALUE": "SELECT VALUE", "SELECT": "a nested SELECT",
    "IN": "IN", "LIKE": "LIKE", "BETWEEN": "BETWEEN", "IS": "IS",
    "{": "an object literal", "[": "an array literal or index", "@": "a SET variable",
    "!": "!= (write <>)", "--": "a comment",
}  # fmt: skip


_WORD = re.compile(r"\w+|\S")


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, start=["statement", "expression"], parser="lalr", maybe_placeholders=True)


def parse_statement(sql: str) -> Tree[Token]:
    """Return the tree of a whole statement; raises `RuleRefusedError`."""
    return _parse(sql, "statement")


def parse_expression(text: str) -> Tree[Token]:
    """Return the tree of one expression, as in `${…}`; raises `RuleRefusedError`."""
    return _parse(text, "expression")


def _parse(text: str, start: str) -> Tree[Token]:
    if len(text) > STATEMENT_CHARACTERS_MAX:
        raise RuleRefusedError(
            f"the SQL has {len(text)} characters, {STATEMENT_CHARACTERS_MAX} at most"
        )
    try:
        tree = _parser().parse(text, start=start)
    except UnexpectedInput as error:
        raise RuleRefusedError(_explain(text, error)) from error
    except RecursionError as error:
        raise RuleRefusedError("the SQL is nested too deeply") from error
    # A lone token (`topic`) comes back bare.
    return tree if isinstance(tree, Tree) else Tree("expression", [tree])


def _explain(text: str, error: UnexpectedInput) -> str:
    """Say what stands where, and whether AWS would know it."""
    if isinstance(error, UnexpectedEOF):
        return f"the SQL ends too early: {text!r}"
    found = ""
    if isinstance(error, UnexpectedToken):
        if error.token.type == "$END":
            return f"the SQL ends too early: {text!r}"
        found = str(error.token)
    elif isinstance(error, UnexpectedCharacters):
        found = text[error.pos_in_stream or 0]
        found = "--" if text.startswith("--", error.pos_in_stream) else found
    position = error.pos_in_stream or 0
    before = _WORD.findall(text[:position])
    for word in (found.upper(), before[-1].upper() if before else ""):
        if word in _ABSENT:
            return f"{_ABSENT[word]} is not in this local cloud's IoT SQL (character {position})"
    return f"unexpected {found!r} at character {position} of {text!r}"
