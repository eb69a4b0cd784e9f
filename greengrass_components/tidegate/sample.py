"""A sample: the values of one group at one instant."""

from dataclasses import dataclass

from tidegate.group import Group

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Sample:
    """`values` has one for each tag of the group, None where there is none.

    `at_ns` is the source's instant where it has one, else the middle of request and response;
    `received_at_ns` is the gateway's clock. `qualities` has a `Quality` for each value, None when
    all are good.
    """

    group: Group
    at_ns: int
    received_at_ns: int
    values: tuple[Value, ...]
    qualities: bytes | None = None
