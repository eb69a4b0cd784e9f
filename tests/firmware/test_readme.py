"""What firmware/README.md says of configuration and drivers is so."""

import json
import re
from types import ModuleType, SimpleNamespace

import pytest

from tidectl.firmware_image import FIRMWARE
from tidenode import config, drivers, field_options
from tidenode.errors import SensorError

README = (FIRMWARE / "README.md").read_text()
SPECS = {
    "": config.TOP,
    "measurements[].": config.MEASUREMENT,
    "measurements[].fields[].": field_options.FIELD,
    **{f"measurements[].fields[].{name}.": spec for name, spec in field_options.SECTIONS},
    "wifi.networks[].": config.NETWORK,
    **{f"{name}.": spec for name, spec in config.SECTIONS},
}
KEYS = {path + row[0]: row[1:] for path, spec in SPECS.items() for row in spec}
ROW = re.compile(r"^\| `([a-z_.\[\]]+)` \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


ROWS = {key: (value, default) for key, value, default, _ in ROW.findall(section("Configuration"))}


def test_the_table_has_every_key_and_no_other() -> None:
    assert sorted(ROWS) == sorted(KEYS)


DRIVERS = sorted(
    path.stem for path in (FIRMWARE / "lib/tidenode/drivers").glob("*.py") if path.stem[0] != "_"
)
I2C = ("bus", "scl_pin", "sda_pin", "address")
OPTION = re.compile(r"^\| `([a-z0-9_]+\.[a-z0-9_]+)` \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)


def own_options(name: str) -> list[str]:
    """Return the options of a driver but for those of every I2C chip."""
    options = [row[0] for row in drivers.options_of(name)]
    return options[4:] if options[:4] == list(I2C) else options


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_has_its_row_with_fields_and_options(name: str) -> None:
    found = re.search(
        rf"^\| `{name}` \| [^|]+ \| ([^|]+) \| ([^|]+) \| [\d.]+ KB \|$",
        section("Drivers"),
        re.MULTILINE,
    )
    assert found
    fields, options = (re.findall(r"`(\w+)`", text) for text in found.groups())
    assert fields == [field for field, _ in drivers.find(name).FIELDS]
    assert options == own_options(name)
    assert ("I2C" in found[2]) == (own_options(name) != [r[0] for r in drivers.options_of(name)])


def test_the_table_of_options_has_every_one_with_its_range_and_default() -> None:
    rows = {key: tuple(rest) for key, *rest in OPTION.findall(section("Drivers"))}
    wanted = {}
    for name in DRIVERS:
        for option, *row in drivers.options_of(name):
            if option in own_options(name):
                wanted[f"{name}.{option}"] = row
            elif option != "address":
                wanted[f"i2c.{option}"] = row
    assert sorted(rows) == sorted(wanted)
    for key, (kind, default, lowest, highest) in wanted.items():
        limits = f"{lowest:,} to {highest:,}"
        value = {bool: "boolean", str: f"text, {limits} characters", int: limits}[kind]
        shown = {None: "none", config.REQUIRED: "required"}.get(default)
        if shown is None:
            shown = f"{default:,}" if kind is int else f"`{str(default).lower()}`"
        assert rows[key] == (value, shown), key


@pytest.mark.parametrize("key", KEYS)
def test_a_row_has_the_range_and_the_default_of_its_key(key: str) -> None:
    kind, default, lowest, highest = KEYS[key]
    value, stands = (text.replace(",", "").strip("`") for text in ROWS[key])
    limits = f"{lowest} to {highest}"
    shown = {bool: "boolean", str: f"text {limits} characters", int: limits}
    assert value == shown[kind]
    if kind is bool:
        default = str(default).lower()
    assert stands == {"": "empty", None: "none"}.get(default, str(default))


def test_the_example_is_a_configuration() -> None:
    example = re.search(r"```json\n(.*?)```", section("Configuration"), re.DOTALL)
    assert example
    settled = {"thing": "greenhouse-1", "site": "farm", "broker": {"host": "broker.example"}}
    settings = config.parse(settled | json.loads(example[1]), drivers.options_of)
    assert [one.name for one in settings.measurements] == ["climate", "health"]


def test_the_example_of_a_driver_is_one() -> None:
    example = re.search(r"```python\n(.*?)```", section("A driver of your own"), re.DOTALL)
    assert example
    driver = ModuleType("tank")
    exec(example[1], driver.__dict__)  # noqa: S102  our own README
    microvolts = [3_000_000, 600_000, 1_800_000, 0]
    hardware = SimpleNamespace(
        Pin=lambda number: number, ADC=lambda _: SimpleNamespace(read_uv=lambda: microvolts.pop(0))
    )
    options = {key: default for key, _, default, *_ in driver.OPTIONS}
    tank = driver.create(options, hardware)
    assert [tank.read() for _ in range(3)] == [(2_000, 2_000), (0, 400), (1_000, 1_200)]
    with pytest.raises(SensorError, match="broken"):
        tank.read()
