"""The functions of IoT SQL that run here (AWS IoT SQL reference, functions).

A name that is not here is refused when the rule is made, never skipped when it runs.
"""

import base64
import hashlib
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidelocal.rules import clock_pattern
from tidelocal.rules.conversion import to_number, to_text
from tidelocal.rules.message import UNDEFINED, Message, Undefined, Value

Body = Callable[..., Value]
ENCODING = "base64"  # the only one that AWS has


@dataclass(frozen=True, slots=True)
class Function:
    """`body(message, *arguments)`, for `least` to `most` arguments."""

    body: Body
    least: int
    most: int
    takes_whole: bool = False  # `*` as first argument: the raw payload, as bytes


def _of_text(body: Callable[[str], Value]) -> Body:
    def call(_message: Message, value: Value) -> Value:
        text = to_text(value)
        return body(text) if isinstance(text, str) else UNDEFINED

    return call


def _of_texts(body: Callable[..., Value]) -> Body:
    def call(_message: Message, *values: Value) -> Value:
        texts = [to_text(value) for value in values]
        return UNDEFINED if UNDEFINED in texts else body(*texts)

    return call


def _of_number(body: Callable[[float], Value]) -> Body:
    def call(_message: Message, value: Value) -> Value:
        number = to_number(value)
        if isinstance(number, Undefined):
            return UNDEFINED
        try:
            return body(number)
        except (ValueError, OverflowError):
            return UNDEFINED

    return call


def _is_index(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _topic(message: Message, *segments: Value) -> Value:
    if not segments:
        return message.topic
    (segment,) = segments
    levels = message.topic.split("/")
    if _is_index(segment) and 1 <= segment <= len(levels):
        return levels[segment - 1]
    return UNDEFINED


def _encode(_message: Message, value: Value, scheme: Value) -> Value:
    if scheme != ENCODING:
        return UNDEFINED
    if not isinstance(value, bytes):
        text = to_text(value)
        if not isinstance(text, str):
            return UNDEFINED
        value = text.encode()
    return base64.b64encode(value).decode()


def _parse_time(_message: Message, pattern: Value, at_ms: Value, zone: Value = "UTC") -> Value:
    number = to_number(at_ms)
    if not isinstance(pattern, str) or not isinstance(zone, str) or isinstance(number, Undefined):
        return UNDEFINED
    try:
        return clock_pattern.render(pattern, int(number), zone)
    except (ValueError, OverflowError, KeyError, OSError):  # of the zone's name, or its file's
        return UNDEFINED


def _get(_message: Message, value: Value, key: Value) -> Value:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key, UNDEFINED)
    if isinstance(value, (list, str)) and _is_index(key) and 0 <= key < len(value):
        return value[key]
    return UNDEFINED


def _concat(_message: Message, *values: Value) -> Value:
    if UNDEFINED in values:
        return UNDEFINED
    if any(isinstance(value, list) for value in values):
        return [
            item for value in values for item in (value if isinstance(value, list) else [value])
        ]
    texts = [to_text(value) for value in values]
    return UNDEFINED if UNDEFINED in texts else "".join(str(text) for text in texts)


def _round(number: float) -> int:
    if isinstance(number, int):
        return number
    # Ties go away from zero, unlike Python's.
    return int(math.copysign(math.floor(abs(number) + 0.5), number))


def _digest(name: str) -> Function:
    return Function(_of_text(lambda text: hashlib.new(name, text.encode()).hexdigest()), 1, 1)


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_of_number(abs), 1, 1),
    "accountid": Function(lambda message: message.account, 0, 0),
    "ceil": Function(_of_number(math.ceil), 1, 1),
    "clientid": Function(lambda message: message.client or "n/a", 0, 0),
    "concat": Function(_concat, 1, 32),
    "encode": Function(_encode, 2, 2, takes_whole=True),
    "endswith": Function(_of_texts(lambda text, end: text.endswith(end)), 2, 2),
    "floor": Function(_of_number(math.floor), 1, 1),
    "get": Function(_get, 2, 2),
    "indexof": Function(_of_texts(lambda text, part: text.find(part)), 2, 2),
    "isnull": Function(lambda _message, value: value is None, 1, 1),
    "isundefined": Function(lambda _message, value: value is UNDEFINED, 1, 1),
    "length": Function(_of_text(len), 1, 1),
    "lower": Function(_of_text(str.lower), 1, 1),
    "ltrim": Function(_of_text(str.lstrip), 1, 1),
    "md5": _digest("md5"),
    "newuuid": Function(lambda _message: str(uuid.uuid4()), 0, 0),
    "numbytes": Function(_of_text(lambda text: len(text.encode())), 1, 1),
    "parse_time": Function(_parse_time, 2, 3),
    "principal": Function(lambda message: message.principal or UNDEFINED, 0, 0),
    "replace": Function(_of_texts(lambda text, old, new: text.replace(old, new)), 3, 3),
    "round": Function(_of_number(_round), 1, 1),
    "rtrim": Function(_of_text(str.rstrip), 1, 1),
    "sha1": _digest("sha1"),
    "sha256": _digest("sha256"),
    "sha512": _digest("sha512"),
    "sourceip": Function(lambda message: message.source_ip, 0, 0),
    "sqrt": Function(_of_number(math.sqrt), 1, 1),
    "startswith": Function(_of_texts(lambda text, start: text.startswith(start)), 2, 2),
    "timestamp": Function(lambda message: message.received_at_ms, 0, 0),
    "topic": Function(_topic, 0, 1),
    "traceid": Function(lambda message: message.trace_id or UNDEFINED, 0, 0),
    "trim": Function(_of_text(str.strip), 1, 1),
    "upper": Function(_of_text(str.upper), 1, 1),
}
# Functions of AWS that a rule may name but that do not run here yet.
_ABSENT_TEXT = """
acos asin atan atan2 aws_lambda bitand bitor bitxor bitnot cast chr cos cosh decode exp
get_dynamodb get_mqtt_property get_or_default get_registry_data get_secret get_thing_shadow
get_user_properties ln log lpad machinelearning_predict md2 mod nanvl power rand regexp_matches
regexp_replace regexp_substr remainder rpad sha224 sha384 sign sin sinh sql_version substring
tan tanh time_to_epoch transform trunc
"""
ABSENT = frozenset(_ABSENT_TEXT.split())
