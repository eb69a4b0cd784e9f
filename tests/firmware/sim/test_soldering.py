"""Every driver of a sensor outside the chip has a simulated one."""

from tests.firmware.sim.stand_in import FOLDER, stand_in
from tidectl.firmware_image import FIRMWARE

DRIVERS = FIRMWARE / "lib" / "tidenode" / "drivers"


def modules() -> set[str]:
    """Return the modules of all chips that drivers read."""
    names = {path.stem for path in DRIVERS.glob("*.py")} - {"__init__", "chip", "health"}
    return {stand_in("soldering").module_of(name) for name in names}


def test_every_driver_of_a_chip_has_a_simulated_one_that_can_be_soldered() -> None:
    for module in modules():
        assert (FOLDER / f"{module}.py").exists()
        assert callable(stand_in(module).solder)


def test_drivers_of_the_same_part_share_it() -> None:
    assert {"contact", "voltage", "bme280", "bmp280"} <= modules()
    assert "adc" not in modules()
