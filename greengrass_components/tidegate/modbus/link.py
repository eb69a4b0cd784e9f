"""The connection: pymodbus as the client, and its errors as ours.

The only file that imports pymodbus. One request is under way at a time: RTU has no other way, and
of TCP devices many answer only the first of several.
"""

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from pymodbus import FramerType, ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse

from tidegate.errors import BusDownError, UnitSilentError
from tidegate.modbus.address import Table
from tidegate.modbus.errors import TARGET_SILENT, ModbusError, ModbusExceptionError
from tidegate.modbus.settings import RTU, RTU_OVER_TCP, ModbusSettings

CONNECT_S_MAX = 5.0
_PYMODBUS_S = 3_600.0  # our own deadlines are shorter, and differ from request to request

# It tells of each skipped answer as an error; we count them by what fails.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

Client = AsyncModbusTcpClient | AsyncModbusSerialClient


class _HoldingRegisters(ReadHoldingRegistersResponse):
    """An answer decoded by one call; pymodbus makes one for each register."""

    def decode(self, data: bytes) -> None:
        length = data[0]
        if length % 2 or length >= len(data):
            raise ModbusIOException(f"answer has {len(data) - 1} bytes and says {length}")
        self.registers = list(struct.unpack_from(f">{length // 2}H", data, 1))


class _InputRegisters(_HoldingRegisters):
    function_code = 4


class Link:
    """One connection; not for two requests at once.

    Raises `BusDownError` when the connection is gone, `UnitSilentError` when no answer comes in
    time, `ModbusExceptionError` for an exception that a device answers.
    """

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._pause_s = settings.pause_ms / 1000
        self._ended_s = 0.0
        self.requests = 0

    @property
    def is_up(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self._client is not None and bool(self._client.connected)

    async def connect(self) -> None:
        """Connect anew."""
        self.close()
        client = _client(self._settings)
        for answer in (_HoldingRegisters, _InputRegisters):
            client.register(answer)
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                connected = await client.connect()
        except (OSError, TimeoutError, ModbusException) as error:
            client.close()
            raise BusDownError(f"no connection to {self._settings.where}: {error}") from error
        if not connected:
            client.close()
            raise BusDownError(
                f"no connection to {self._settings.where}: {_advice(self._settings)}"
            )
        self._client = client
        await asyncio.sleep(self._settings.pause_after_connect_ms / 1000)

    def close(self) -> None:
        """Hang up."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def read(
        self, unit: int, table: Table, first: int, count: int, timeout_s: float
    ) -> Sequence[int] | Sequence[bool]:
        """Return `count` values, registers or bits."""
        client = self._up()
        read: Any = (
            None,
            client.read_coils,
            client.read_discrete_inputs,
            client.read_holding_registers,
            client.read_input_registers,
        )[table]
        call = read(first, count=count, device_id=unit)
        answer = await self._ask(call, timeout_s, unit, f"{table.label}:{first} x {count}")
        values: Sequence[int] | Sequence[bool] = answer.bits if table.is_bits else answer.registers
        # Bits come in bytes. Without transaction numbers a late answer shows by its length alone.
        if len(values) != (-(-count // 8) * 8 if table.is_bits else count):
            raise ModbusError(f"unit {unit} answers {len(values)} values, {count} were asked for")
        return values[:count]

    async def write(
        self,
        unit: int,
        table: Table,
        first: int,
        values: Sequence[int] | Sequence[bool],
        timeout_s: float,
        *,
        several: bool,
    ) -> None:
        """Write coils or holding registers: by the function for `several`, else that for one."""
        client = self._up()
        write: Any = {
            (Table.COIL, False): client.write_coil,
            (Table.COIL, True): client.write_coils,
            (Table.HOLDING, False): client.write_register,
            (Table.HOLDING, True): client.write_registers,
        }[table, several]
        call = write(first, list(values) if several else values[0], device_id=unit)
        await self._ask(call, timeout_s, unit, f"write {table.label}:{first}")

    async def write_mask(
        self, unit: int, number: int, and_mask: int, or_mask: int, timeout_s: float
    ) -> None:
        """Change bits of a register by function 22, without touching the others."""
        call: Any = self._up().mask_write_register(
            address=number, and_mask=and_mask, or_mask=or_mask, device_id=unit
        )
        await self._ask(call, timeout_s, unit, f"mask holding:{number}")

    def _up(self) -> Client:
        if self._client is None or not self._client.connected:
            raise BusDownError(f"the connection to {self._settings.where} is gone")
        return self._client

    async def _ask(self, call: Awaitable[Any], timeout_s: float, unit: int, asked: str) -> Any:
        if self._pause_s:
            await asyncio.sleep(max(0.0, self._ended_s + self._pause_s - time.monotonic()))
        self.requests += 1
        try:
            async with asyncio.timeout(timeout_s):
                answer = await call
        except TimeoutError:
            if not self.is_up:
                raise BusDownError(f"{self._settings.where} has hung up") from None
            raise UnitSilentError(
                f"unit {unit} at {self._settings.where} is silent for {timeout_s * 1000:.0f} ms"
            ) from None
        except (ConnectionException, OSError) as error:
            raise BusDownError(f"{self._settings.where}: {error}") from error
        except ModbusException as error:
            if not self.is_up:
                raise BusDownError(f"{self._settings.where} has hung up") from error
            raise ModbusError(f"unit {unit}: {asked}: {error}") from error
        finally:
            self._ended_s = time.monotonic()
        if answer.isError():
            code = int(answer.exception_code)
            if code in TARGET_SILENT:
                raise UnitSilentError(str(ModbusExceptionError(code, f"unit {unit}")))
            raise ModbusExceptionError(code, f"unit {unit}: {asked}")
        return answer


def _client(settings: ModbusSettings) -> Client:
    shared: dict[str, Any] = {"timeout": _PYMODBUS_S, "retries": 0, "reconnect_delay": 0}
    if settings.transport == RTU:
        return AsyncModbusSerialClient(
            settings.device,
            baudrate=settings.baud_rate,
            bytesize=settings.data_bits,
            parity=settings.parity,
            stopbits=settings.stop_bits,
            **shared,
        )
    framer = FramerType.RTU if settings.transport == RTU_OVER_TCP else FramerType.SOCKET
    return AsyncModbusTcpClient(settings.host, port=settings.port, framer=framer, **shared)


def _advice(settings: ModbusSettings) -> str:
    if settings.transport == RTU:
        return "is it plugged in, and may this user open it (group dialout)?"
    return "is the device on, the address right, and no other master on its port?"
