"""Read the configuration once, check all of it, freeze it.

Flow: /config.json -> [config] -> app
Every mistake of the document is reported in one ConfigError, each with the path of its key.
The table of keys is in firmware/README.md; a test holds it to the tables below.
"""

import json
from collections import namedtuple

from tidenode.errors import ConfigError
from tidewire.errors import WireError
from tidewire.names import check_measurement, check_site, check_thing

TYPE_CHECKING = False  # the board has no typing module
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Spec = tuple[tuple[str, type, object, int, int], ...]
    Options = Callable[[str], Spec]

REQUIRED = "required"
MEASUREMENTS_MAX = 16  # each costs a task and a batch in RAM
PERIOD_MS_MIN = 10

# (key, type, default, lowest, highest): of a text, lowest and highest are its length. A
# default of None makes the key optional and lets it be null.
TOP: "Spec" = (
    ("thing", str, REQUIRED, 1, 64),
    ("site", str, REQUIRED, 1, 64),
    ("serial", str, None, 1, 64),  # null: the chip's own
    ("basic_ingest", bool, True, 0, 1),
    ("watchdog_s", int, 120, 0, 3_600),  # more than the longest wait for flash, DNS and TLS
)
BROKER: "Spec" = (
    ("host", str, REQUIRED, 1, 253),
    ("port", int, 8883, 1, 65_535),
)
WIFI: "Spec" = (
    ("ssid", str, None, 1, 32),
    ("password", str, "", 0, 64),
    ("timeout_ms", int, 15_000, 1_000, 120_000),
    ("country", str, None, 2, 2),
    ("hostname", str, None, 1, 32),
    ("power_save", str, None, 3, 4),
)
PORTAL: "Spec" = (
    ("button_pin", int, None, 0, 48),
    ("open", bool, False, 0, 1),
)
SLEEP: "Spec" = (
    ("period_s", int, REQUIRED, 1, 86_400),
    ("wakes_per_upload", int, 12, 1, 1_000),
    ("upload_timeout_s", int, 60, 5, 600),
)
NETWORK: "Spec" = (
    ("ssid", str, REQUIRED, 1, 32),
    ("password", str, "", 0, 64),
    ("address", str, None, 7, 15),
    ("netmask", str, None, 7, 15),
    ("gateway", str, None, 7, 15),
    ("dns", str, None, 7, 15),
)
MEASUREMENT: "Spec" = (
    ("name", str, REQUIRED, 1, 64),
    ("driver", str, REQUIRED, 1, 32),
    ("period_ms", int, REQUIRED, PERIOD_MS_MIN, 86_400_000),
    ("quality", bool, False, 0, 1),
)
BATCH: "Spec" = (
    ("samples_max", int, 60, 1, 600),  # 600 of five fields are 24 KB of RAM before encoding
    ("age_ms_max", int, 10_000, 100, 3_600_000),
)
OUTBOX: "Spec" = (
    # A segment takes whole blocks of flash: 256 KiB are 64 entries, 1 MiB the index's limit.
    ("bytes_max", int, 262_144, 8_192, 1_048_576),
    ("partition", str, "outbox", 1, 16),  # null: files, even where there is such a partition
    ("sync_batches", int, 8, 1, 64),
    ("sync_age_ms", int, 15_000, 0, 3_600_000),
)
LINK: "Spec" = (
    ("keepalive_s", int, 60, 5, 1_200),  # AWS IoT Core takes up to 1,200 s
    ("window", int, 16, 1, 64),  # AWS IoT Core takes up to 100 unacknowledged publishes
    ("connect_timeout_ms", int, 20_000, 500, 120_000),
    ("ack_timeout_ms", int, 20_000, 500, 120_000),
    ("retry_delay_ms_min", int, 1_000, 10, 60_000),
    ("retry_delay_ms_max", int, 60_000, 10, 3_600_000),
)
CLOCK: "Spec" = (
    ("sntp_host", str, "pool.ntp.org", 1, 253),  # null: trust the clock the board starts with
    ("sntp_port", int, 123, 1, 65_535),
    ("resync_s", int, 3_600, 60, 86_400),
    # Until the time is known; there is no TLS session before, so there is heap for it.
    ("waiting_bytes_max", int, 4_096, 0, 1_048_576),
)
CONTROL: "Spec" = (
    ("message_bytes_max", int, 1_024, 512, 16_384),
    ("trial_s", int, 120, 5, 3_600),
    ("healthy_s", int, 10, 0, 600),
    ("defender_s", int, None, 300, 86_400),  # AWS takes a report each 5 minutes at the most
)
SECTIONS = (
    ("batch", BATCH),
    ("broker", BROKER),
    ("clock", CLOCK),
    ("control", CONTROL),
    ("link", LINK),
    ("outbox", OUTBOX),
    ("portal", PORTAL),
    ("sleep", SLEEP),
    ("wifi", WIFI),
)


# Fields are those of the tables, in their order: a board's bundler shortens what stands here.
Broker = namedtuple("Broker", ("host", "port"))
# options: a dict, the driver's own; conditions: None, or what `fields` asked for
Measurement = namedtuple(
    "Measurement", ("name", "driver", "period_ms", "quality", "options", "conditions")
)
BatchLimits = namedtuple("BatchLimits", ("samples_max", "age_ms_max"))
OutboxLimits = namedtuple("OutboxLimits", ("bytes_max", "partition", "sync_batches", "sync_age_ms"))
LinkLimits = namedtuple(
    "LinkLimits",
    (
        "keepalive_s",
        "window",
        "connect_timeout_ms",
        "ack_timeout_ms",
        "retry_delay_ms_min",
        "retry_delay_ms_max",
    ),
)
ClockSource = namedtuple("ClockSource", ("sntp_host", "sntp_port", "resync_s", "waiting_bytes_max"))
ControlLimits = namedtuple(
    "ControlLimits", ("message_bytes_max", "trial_s", "healthy_s", "defender_s")
)
Sleep = namedtuple("Sleep", ("period_s", "wakes_per_upload", "upload_timeout_s"))
Config = namedtuple(
    "Config",
    (
        "thing", "site", "serial", "basic_ingest", "watchdog_s", "broker", "wifi", "measurements",
        "batch", "outbox", "link", "clock", "control", "sleep",
    ),
)  # fmt: skip


def load(path: str, options_of: "Options") -> "Any":
    """Return the Config of the JSON file at `path`. Raises ConfigError."""
    try:
        with open(path) as file:
            document = json.load(file)
    except ValueError as error:
        raise ConfigError(["not JSON: %s" % error])
    except OSError as error:
        raise ConfigError(["can't be read: %s" % error])
    return parse(document, options_of)


def parse(document: object, options_of: "Options") -> "Any":
    """Return the Config that `document` describes. Raises ConfigError.

    `options_of(driver)` returns the options of a driver as tables like those above, and
    raises ImportError where there is no such driver.
    """
    mistakes: list[str] = []
    if not isinstance(document, dict):
        raise ConfigError(["must be an object"])
    known = [name for name, _ in SECTIONS] + ["measurements"]
    top = _section(document, "", TOP, mistakes, known)
    _checked(check_thing, top, "thing", "", mistakes)
    _checked(check_site, top, "site", "", mistakes)
    _checked(check_thing, top, "serial", "", mistakes)
    parts: dict[str, Any] = {}
    for name, spec in SECTIONS:
        if name in ("wifi", "control", "sleep") and document.get(name) is None:
            parts[name] = None
        elif name == "wifi":
            asked = document[name] == "portal"  # before the agent starts
            parts[name] = None if asked else _wifi(document[name], mistakes)
        else:
            parts[name] = _section(document.get(name, {}), name + ".", spec, mistakes)
    lowest, highest = parts["link"]["retry_delay_ms_min"], parts["link"]["retry_delay_ms_max"]
    if lowest is not None and highest is not None and lowest > highest:
        mistakes.append("link.retry_delay_ms_min: is above link.retry_delay_ms_max, %d" % highest)
    measurements = _measurements(document.get("measurements"), options_of, mistakes)
    for number, one in enumerate(measurements if parts["sleep"] else ()):
        if one.conditions and one.conditions.count > 1:
            mistakes.append(
                "measurements[%d].fields: oversample is for boards without sleep" % number
            )
    if mistakes:
        raise ConfigError(mistakes)
    return Config(
        thing=top["thing"],
        site=top["site"],
        serial=top["serial"],
        basic_ingest=top["basic_ingest"],
        watchdog_s=top["watchdog_s"],
        broker=Broker(*_in_order(parts["broker"], BROKER)),
        wifi=parts["wifi"],
        measurements=measurements,
        batch=BatchLimits(*_in_order(parts["batch"], BATCH)),
        outbox=OutboxLimits(*_in_order(parts["outbox"], OUTBOX)),
        link=LinkLimits(*_in_order(parts["link"], LINK)),
        clock=ClockSource(*_in_order(parts["clock"], CLOCK)),
        control=parts["control"] and ControlLimits(*_in_order(parts["control"], CONTROL)),
        sleep=parts["sleep"] and Sleep(*_in_order(parts["sleep"], SLEEP)),
    )


def _wifi(document: object, mistakes: list[str]) -> "Any":
    from tidenode.wifi_config import wifi_of

    values = _section(document, "wifi.", WIFI, mistakes, ("networks",))
    return wifi_of(values, document, NETWORK, _section, mistakes)


def _measurements(entries: object, options_of: "Options", mistakes: list[str]) -> "tuple[Any, ...]":
    if not isinstance(entries, list) or not 1 <= len(entries) <= MEASUREMENTS_MAX:
        mistakes.append("measurements: must be a list of 1 to %d" % MEASUREMENTS_MAX)
        return ()
    found = []
    names = {"event"}  # by which the board tells what went wrong
    for number, entry in enumerate(entries):
        path = "measurements[%d]." % number
        options: Spec | None = None
        driver = entry.get("driver") if isinstance(entry, dict) else None
        if isinstance(driver, str):
            try:
                options = options_of(driver)
            except ImportError:
                mistakes.append("%sdriver: there is no driver %s" % (path, _shown(driver)))
        keys = [key for key, *_ in options or ()] + ["fields"]
        if options is None and isinstance(entry, dict):
            keys = list(entry)  # whose options they are is not known: don't blame them
        values = _section(entry, path, MEASUREMENT, mistakes, keys)
        _checked(check_measurement, values, "name", path, mistakes)
        if values["name"] is not None and values["name"] in names:
            mistakes.append("%sname: %s is taken" % (path, values["name"]))
        names.add(values["name"])
        # What is no object was noted above.
        own = _section(entry, path, options, mistakes, None) if options else {}
        conditions = None
        if options is not None and "fields" in entry:
            conditions = _conditions(entry["fields"], path, driver, values["period_ms"], mistakes)
        if options is not None and values["quality"]:
            conditions = _rated(conditions, path, driver, mistakes)
        found.append(
            Measurement(
                values["name"], driver, values["period_ms"], values["quality"], own, conditions
            )
        )
    return tuple(found)


def _conditions(
    document: object, path: str, driver: object, period_ms: "int | None", mistakes: list[str]
) -> "Any":
    from tidenode import drivers, field_options

    return field_options.conditions_of(
        document,
        path + "fields",
        fields=drivers.find(driver).FIELDS,  # type: ignore[arg-type]  # options_of found it
        period_ms=period_ms,
        section=_section,
        mistakes=mistakes,
    )


def _rated(conditions: "Any", path: str, driver: object, mistakes: list[str]) -> "Any":
    from tidenode import drivers, field_options

    fields = drivers.find(driver).FIELDS  # type: ignore[arg-type]  # options_of found it
    return field_options.rated(conditions, fields, path, mistakes)


def _section(
    document: object, path: str, spec: "Spec", mistakes: list[str], more: object = ()
) -> "dict[str, Any]":
    """Return each key of `spec` with its value; None for a wrong one, which is noted.

    `more`: further keys that may be there; None lets all others be.
    """
    values: dict[str, Any] = {key: None for key, *_ in spec}
    if not isinstance(document, dict):
        mistakes.append("%s: must be an object" % path[:-1])
        return values
    if more is not None:
        allowed = set(values) | set(more)  # type: ignore[call-overload]  # a list or a tuple
        for key in sorted(document):
            if key not in allowed:
                mistakes.append("%s%s: unknown key" % (path, key))
    for key, kind, default, lowest, highest in spec:
        if key not in document and default is not REQUIRED:
            values[key] = default
            continue
        value = document.get(key)
        if value is None and (default is None or key in ("sntp_host", "partition")):
            continue
        wrong = _wrong(value, kind, lowest, highest)
        if key not in document:
            mistakes.append("%s%s: is missing" % (path, key))
        elif wrong:
            shown = "" if key == "password" else ", not " + _shown(value)
            mistakes.append("%s%s: %s%s" % (path, key, wrong, shown))
        else:
            values[key] = value
    return values


def _in_order(values: "dict[str, Any]", spec: "Spec") -> "list[Any]":
    """Return `values`, which are the keys of `spec`, as the fields of its record."""
    return [values[key] for key, *_ in spec]


def _wrong(value: object, kind: type, lowest: int, highest: int) -> str:
    """Return what `value` should have been, or nothing."""
    if kind is bool:
        return "" if isinstance(value, bool) else "must be true or false"
    if kind is str:
        good = isinstance(value, str) and lowest <= len(value) <= highest
        return "" if good else "must be a text of %d to %d characters" % (lowest, highest)
    good = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
    return "" if good else "must be an integer of %d to %d" % (lowest, highest)


def _checked(
    check: "Callable[[object], str]",
    values: "dict[str, Any]",
    key: str,
    path: str,
    mistakes: list[str],
) -> None:
    if values[key] is None:
        return
    try:
        check(values[key])
    except WireError as error:
        mistakes.append("%s%s: %s" % (path, key, error))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
