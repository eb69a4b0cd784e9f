"""A stream of samples: one measurement of one thing, and the names of its fields."""

from dataclasses import dataclass

from tidegate.errors import GateError
from tidewire.errors import WireError
from tidewire.limits import COLUMNS_MAX
from tidewire.names import check_field, check_measurement, check_site, check_thing

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Stream:
    """Where samples go; raises `GateError` for names that are none or that come twice."""

    site: str
    thing: str
    measurement: str
    fields: tuple[str, ...]

    def __post_init__(self) -> None:
        try:
            check_site(self.site)
            check_thing(self.thing)
            check_measurement(self.measurement)
            for field in self.fields:
                check_field(field)
        except WireError as error:
            raise GateError(f"{self.thing}/{self.measurement}: {error}") from error
        if not self.fields or len(set(self.fields)) != len(self.fields):
            raise GateError(f"{self.thing}/{self.measurement}: no field, or one that comes twice")

    @property
    def parts(self) -> tuple["Stream", ...]:
        """Return it as streams of `COLUMNS_MAX` fields at most, which is what a batch takes.

        The first keeps the measurement's name, the others are `<measurement>_2` and so on.
        """
        if len(self.fields) <= COLUMNS_MAX:
            return (self,)
        return tuple(
            Stream(
                self.site,
                self.thing,
                self.measurement if not start else f"{self.measurement}_{start // COLUMNS_MAX + 1}",
                self.fields[start : start + COLUMNS_MAX],
            )
            for start in range(0, len(self.fields), COLUMNS_MAX)
        )
