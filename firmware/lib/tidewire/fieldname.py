"""Spell a foreign name as the name of a field.

ASCII letters become lower case; every run of other characters than letters, digits and `_`
becomes one `_`; `_` at both ends goes; what then begins with a digit, or is `time`,
`thing` or `site`, gets `field_` in front. `Temp (C)` is `temp_c`, `3` is `field_3`.
"""

import re

from tidewire.errors import WireMalformedError
from tidewire.names import RESERVED_FIELDS, check_field

_OTHERS = re.compile("[^A-Za-z0-9_]+")


def field_of(name: str) -> str:
    """Return the field for `name`; raises WireMalformedError if nothing or too much is left."""
    field = _OTHERS.sub("_", name).strip("_").lower()
    if not field:
        raise WireMalformedError(f"no field can be made of the name {name!r:.80}")
    if field[0].isdigit() or field in RESERVED_FIELDS:
        field = "field_" + field
    return check_field(field)
