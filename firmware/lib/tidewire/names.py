"""Check the names that stand in topics, in payloads and in the store.

Site and thing: `[A-Za-z0-9_:-]{1,64}`. Measurement and field: `[a-z][a-z0-9_]{0,63}`; a
measurement does not begin with `tidegauge_`, a field is not `time`, `thing` or `site`.
Each function returns its argument or raises WireMalformedError.
"""

from tidewire.errors import WireMalformedError
from tidewire.limits import NAME_BYTES_MAX

_LOWER = "abcdefghijklmnopqrstuvwxyz"
_WORD = _LOWER + "0123456789_"
_PLACE = _WORD + "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-"
RESERVED_FIELDS = ("time", "thing", "site")
_RESERVED_PREFIX = "tidegauge_"


def check_site(name: object) -> str:
    """Return `name` if it can be a site."""
    return _check("site", name, _PLACE)


def check_thing(name: object) -> str:
    """Return `name` if it can be a thing."""
    return _check("thing", name, _PLACE)


def check_measurement(name: object) -> str:
    """Return `name` if it can be a measurement."""
    text = _check("measurement", name, _WORD)
    if text[:1] not in _LOWER or text.startswith(_RESERVED_PREFIX):
        raise WireMalformedError("measurement %r has a reserved or wrong beginning" % text)
    return text


def check_field(name: object) -> str:
    """Return `name` if it can be a field."""
    text = _check("field", name, _WORD)
    if text[:1] not in _LOWER or text in RESERVED_FIELDS:
        raise WireMalformedError("field %r is reserved or begins wrongly" % text)
    return text


def _check(what: str, name: object, allowed: str) -> str:
    # strip() leaves nothing exactly when every character is allowed: one C call, no regex.
    if not isinstance(name, str) or not 0 < len(name) <= NAME_BYTES_MAX or name.strip(allowed):
        raise WireMalformedError("%s cannot be a %s" % (_shown(name), what))
    return name


def _shown(name: object) -> str:
    """Return `name` quoted, cut where a hostile one would fill the log."""
    text = repr(name)
    return text if len(text) <= 80 else text[:77] + "..."
