"""A Bosch BME280 or BMP280, register by register (data sheet BST-BME280-DS001, section 5).

It holds trimming parameters, sleeps until told to measure, and answers with the raw numbers
that its own compensation formulae (section 8.1, in floating point: not those the driver
uses) turn back into the weather.
"""

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# T and P are those of the worked example in the BMP280's data sheet (BST-BMP280-DS001,
# section 3.12), whose formulae the BME280 shares; H are those of a real chip.
_T1 = 27_504
_T2 = 26_435
_T3 = -1_000
_P1 = 36_477
_P2 = -10_685
_P3 = 3_024
_P4 = 2_855
_P5 = 140
_P6 = -7
_P7 = 15_500
_P8 = -14_600
_P9 = 6_000
_H1 = 75
_H2 = 365
_H3 = 0
_H4 = 313
_H5 = 50
_H6 = 30


_BME280 = 0x60  # what the register of the chip's kind says
_ID = 0xD0
_RESET = 0xE0
_CTRL_HUM = 0xF2
_STATUS = 0xF3
_CTRL_MEAS = 0xF4
_CONFIG = 0xF5
_DATA = 0xF7
_SLEEP = 0
_NORMAL = 3
_RESET_WORD = 0xB6
_STANDBY_MS = (1, 63, 125, 250, 500, 1_000, 10, 20)
_MEASURE_MS = 10


class Bme280:
    """The chip; `weather(ms)` returns what it is in, `now_ms()` drives its own clock."""

    def __init__(
        self,
        weather: "Callable[[int], tuple[float, float, float]]",
        now_ms: "Callable[[], int]",
        kind: int = _BME280,
    ) -> None:
        self._weather = weather
        self._now_ms = now_ms
        self._kind = kind
        self._registers = bytearray(256)
        self._register = 0
        self.power_on()

    def read(self, size: int) -> bytes:
        """Return `size` bytes; the address counts up by itself."""
        register = self._register
        if register <= 0xFE and register + size > _DATA:
            self._measure_if_due()
        return bytes(self._registers[register : register + size])

    def write(self, data: bytes) -> None:
        """Take a register's address, and values in pairs: value, next address, value."""
        self._register = data[0]
        for place in range(0, len(data) - 1, 2):
            self._set(data[place], data[place + 1])

    def _set(self, register: int, value: int) -> None:
        # The others can't be written.
        if register == _RESET and value == _RESET_WORD:
            self.power_on()
        elif register == _CTRL_HUM and self._kind == _BME280:
            self._registers[_CTRL_HUM] = value & 7  # works from the next write of ctrl_meas
        elif register == _CONFIG:
            self._registers[_CONFIG] = value
        elif register == _CTRL_MEAS:
            self._registers[_CTRL_MEAS] = value
            self._humidity_on = self._registers[_CTRL_HUM] != 0
            self._due_ms = self._now_ms() + _MEASURE_MS

    def power_on(self) -> None:
        """Begin as after a loss of power, asleep."""
        registers = self._registers
        registers[:] = bytes(256)
        registers[_ID] = self._kind
        registers[0x88:0xA2] = struct.pack(
            "<HhhHhhhhhhhhxB", _T1, _T2, _T3, _P1, _P2, _P3, _P4, _P5, _P6, _P7, _P8, _P9, _H1
        )
        if self._kind == _BME280:
            registers[0xE1:0xE8] = struct.pack(
                "<hBBBBb", _H2, _H3, _H4 >> 4, _H4 & 15 | (_H5 & 15) << 4, _H5 >> 4, _H6
            )
        registers[_DATA : _DATA + 8] = b"\x80\x00\x00\x80\x00\x00\x80\x00"
        self._humidity_on = False
        self._due_ms = 0

    def _measure_if_due(self) -> None:
        control = self._registers[_CTRL_MEAS]
        now_ms = self._now_ms()
        if control & 3 == _SLEEP or now_ms < self._due_ms:
            return
        temperature_c, pressure_pa, humidity_percent = self._weather(now_ms)
        raw_t = _raw_of(temperature_c, lambda raw: _fine(raw) / 5_120, 20)
        fine = _fine(raw_t)
        # Pressure falls as the raw number rises.
        raw_p = _raw_of(-pressure_pa, lambda raw: -_pressure_pa(raw, fine), 20)
        raw_h = _raw_of(humidity_percent, lambda raw: _humidity_percent(raw, fine), 16)
        raw_t = raw_t if control >> 5 else 0x80000
        raw_p = raw_p if control >> 2 & 7 else 0x80000
        raw_h = raw_h if self._humidity_on else 0x8000
        self._registers[_DATA : _DATA + 8] = bytes(
            (raw_p >> 12, raw_p >> 4 & 255, (raw_p & 15) << 4)
            + (raw_t >> 12, raw_t >> 4 & 255, (raw_t & 15) << 4)
            + (raw_h >> 8, raw_h & 255)
        )
        if control & 3 == _NORMAL:
            self._due_ms = now_ms + _MEASURE_MS + _STANDBY_MS[self._registers[_CONFIG] >> 5]
        else:
            self._registers[_CTRL_MEAS] = control & ~3  # forced: once, then asleep


def solder(board: "Any", options: "dict[str, Any]", world: "Any") -> None:
    """Put a BME280 on `board`."""
    board.chips[world.place(options)] = Bme280(world.weather, world.now_ms)


def _raw_of(wanted: float, formula: "Callable[[int], float]", bits: int) -> int:
    """Return the raw number whose compensated value, rising with it, is nearest below."""
    raw = 0
    for bit in range(bits - 1, -1, -1):
        if formula(raw | 1 << bit) <= wanted:
            raw |= 1 << bit
    return raw


def _fine(raw: int) -> float:
    first = (raw / 16_384 - _T1 / 1_024) * _T2
    rest = raw / 131_072 - _T1 / 8_192
    return first + rest * rest * _T3


def _pressure_pa(raw: int, fine: float) -> float:
    first = fine / 2 - 64_000
    second = first * first * _P6 / 32_768 + first * _P5 * 2
    second = second / 4 + _P4 * 65_536
    first = (_P3 * first * first / 524_288 + _P2 * first) / 524_288
    first = (1 + first / 32_768) * _P1
    pressure = (1_048_576 - raw - second / 4_096) * 6_250 / first
    return (
        pressure + (_P9 * pressure * pressure / 2_147_483_648 + pressure * _P8 / 32_768 + _P7) / 16
    )


def _humidity_percent(raw: int, fine: float) -> float:
    value = fine - 76_800
    value = (raw - (_H4 * 64 + _H5 / 16_384 * value)) * (
        _H2 / 65_536 * (1 + _H6 / 67_108_864 * value * (1 + _H3 / 67_108_864 * value))
    )
    return value * (1 - _H1 * value / 524_288)
