"""Every driver of a sensor outside the chip has a simulated one."""

from tests.firmware.sim.stand_in import FOLDER, stand_in
from tidectl.firmware_image import FIRMWARE

DRIVERS = FIRMWARE / "lib" / "tidenode" / "drivers"


def test_every_driver_of_a_chip_has_a_simulated_one() -> None:
    names = {path.stem for path in DRIVERS.glob("*.py")} - {"__init__", "chip", "health"}
    assert set(stand_in("soldering").CHIPS) == names


def test_every_simulated_chip_can_be_soldered() -> None:
    for module in set(stand_in("soldering").CHIPS.values()):
        assert (FOLDER / f"{module}.py").exists()
        assert callable(stand_in(module).solder)
