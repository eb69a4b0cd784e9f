"""Build and parse the MQTT topics of telemetry.

`dt/tidegauge/<site>/<thing>/<measurement>`, prefixed by BASIC_INGEST_PREFIX when the rule
is addressed directly (AWS IoT Core, "Basic Ingest": no messaging charge).
"""

from tidewire.errors import WireMalformedError
from tidewire.names import check_measurement, check_site, check_thing

BASIC_INGEST_PREFIX = "$aws/rules/tidegauge_telemetry/"
_ROOT = "dt/tidegauge/"


def build(site: str, thing: str, measurement: str) -> str:
    """Return the topic, without prefix. Raises WireMalformedError for a wrong name."""
    check_site(site)
    check_thing(thing)
    check_measurement(measurement)
    return "%s%s/%s/%s" % (_ROOT, site, thing, measurement)


def parse(text: str) -> tuple[str, str, str]:
    """Return (site, thing, measurement) of a topic with or without the prefix.

    Raises WireMalformedError for any other topic.
    """
    bare = text[len(BASIC_INGEST_PREFIX) :] if text.startswith(BASIC_INGEST_PREFIX) else text
    levels = bare.split("/")
    if not bare.startswith(_ROOT) or len(levels) != 5:
        raise WireMalformedError("topic is not %s<site>/<thing>/<measurement>" % _ROOT)
    return check_site(levels[2]), check_thing(levels[3]), check_measurement(levels[4])
