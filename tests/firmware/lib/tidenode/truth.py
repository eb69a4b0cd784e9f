"""A chip on a simulated board that measures the host's time, which no other part of it sees."""

from pathlib import Path

from tests.firmware.lib.tidenode.image_files import change_files
from tidectl.firmware_image import compiled_text

_DRIVER = """
import cold_clock
FIELDS = (("true_ms", 0),)
OPTIONS = ()
class Chip:
    def read(self):
        return (cold_clock.time.time_ns() // 1_000_000,)
def create(options, hardware):
    return Chip()
"""


def with_truth(image: Path) -> Path:
    """Put it in the place of the driver `chip`; the board has to be a cold one."""
    change_files(image, {"/app_a/tidenode/drivers/chip.mpy": compiled_text(_DRIVER, "chip")})
    return image
