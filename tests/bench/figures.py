"""What a bench gives back: a table for people and figures for machines."""

from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figures:
    """The result of one bench; the names of `values` end in their unit and are its own."""

    table: Table
    values: dict[str, float | int | str | bool | None]
