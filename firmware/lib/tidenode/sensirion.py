"""What Sensirion's chips have in common: words with a checksum, and two formulae.

By the data sheets of the SHT3x-DIS (version 6, sections 4.12 and 4.13) and the SCD4x
(version 1.5, sections 3.5 and 3.11), which agree.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.i2c_chip import I2cChip

_POLYNOMIAL = 0x131
_START = 0xFF
_FULL_SCALE = 65_535


def words(chip: "I2cChip", data: "bytes | bytearray") -> list[int]:
    """Return the 16-bit words of `data`, each with a checksum behind. Raises SensorError."""
    found = []
    for start in range(0, len(data), 3):
        word = data[start] << 8 | data[start + 1]
        if checksum(word) != data[start + 2]:
            raise chip.error("wrong checksum")
        found.append(word)
    return found


def checksum(word: int) -> int:
    """Return the CRC-8 of a 16-bit word, its upper byte first."""
    crc = (word ^ _START << 8) << 8
    for shift in range(15, -1, -1):
        if crc >> shift + 8 & 1:
            crc ^= _POLYNOMIAL << shift
    return crc


def temperature_100_c(word: int) -> int:
    """Return the temperature in 1/100 degrees Celsius."""
    return (17_500 * word + _FULL_SCALE // 2) // _FULL_SCALE - 4_500


def humidity_100_percent(word: int) -> int:
    """Return the relative humidity in 1/100 %."""
    return (10_000 * word + _FULL_SCALE // 2) // _FULL_SCALE
