"""The checksums of the simulated chips, bit by bit as their data sheets draw the shift register."""


def sensirion(data: bytes) -> int:
    """Return x^8 + x^5 + x^4 + 1 from 0xFF on, most significant bit first."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def maxim(data: bytes) -> int:
    """Return x^8 + x^5 + x^4 + 1 from 0 on, least significant bit first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            feedback = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x8C if feedback else 0)
    return crc
