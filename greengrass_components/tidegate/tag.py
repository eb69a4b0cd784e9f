"""A tag: one value of a device, and the field that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as with_default
from typing import TypeGuard

from tidegate.reduction.value import Value
from tidegate.report import Report
from tidegate.scaling import scaled

WRITE_CHARACTERS_MAX = 1_000  # a command fits into what nucleus lite delivers, 4,900 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """`address` and `type` are read by the adapter; the field's value is raw * scale + offset.

    `bounds` are what the value lies between, in its unit. `write_bounds` are what may be written;
    None where nothing may; where it is a text, `write_characters_max` is how long, 0 for no text.
    `counter_bits` is the width of a counter that rolls over: its value is
    the total then; 0 is none. `options` are the adapter's own, by name.
    """

    field: str
    address: str
    type: str = ""
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    bounds: tuple[float, float] | None = None
    write_bounds: tuple[float, float] | None = None
    write_characters_max: int = 0
    report: Report | None = None
    counter_bits: int = 0
    options: Mapping[str, str] = with_default(default_factory=dict)

    @property
    def is_scaled(self) -> bool:
        """Whether raw and real values differ."""
        return self.scale != 1.0 or self.offset != 0.0

    def meant(self, raw: Value) -> Value:
        """Return what a raw value means: a number scaled, a truth or a text as it is."""
        return self.real(raw) if self.is_scaled and _is_number(raw) else raw

    def unscaled(self, value: Value) -> Value:
        """Return the raw value that means `value`, as `meant` has it."""
        return self.raw(value) if _is_number(value) else value

    def real(self, raw: float) -> float:
        """Return what a raw value means."""
        return scaled(raw, self.scale, self.offset)

    def raw(self, real: float) -> float:
        """Return the raw value that means `real`."""
        return (real - self.offset) / self.scale if self.is_scaled else real


def _is_number(value: Value) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
