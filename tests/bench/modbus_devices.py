"""A process of Modbus devices behind one port, for the bench: `python -m ... UNITS ROUND_TRIP_MS`.

Prints its port. Then a line on standard input is a command, answered by one line: `requests` by
the count so far, `dead 5` by nothing more than `ok`. Registers change all the time.
"""

import asyncio
import subprocess
import sys
from typing import Self

from tidegate.modbus.address import Table
from tidegate.simulators.modbus import ModbusFaults, ModbusServer, ModbusUnit

REGISTERS = 1_000
CHANGE_S = 0.1


class Devices:
    """The process, as the bench has it."""

    def __init__(self, units: int, round_trip_ms: float = 0.0) -> None:
        command = [sys.executable, "-m", "tests.bench.modbus_devices", str(units)]
        self._process = subprocess.Popen(
            [*command, str(round_trip_ms)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._line())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def requests(self) -> int:
        """Return how many requests there were, of all units."""
        return int(self._ask("requests"))

    def kill_unit(self, unit: int) -> None:
        """Have a unit answer no more."""
        self._ask(f"dead {unit}")

    def _ask(self, command: str) -> str:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


async def _serve(units: int, round_trip_ms: float) -> None:
    # All units have the same registers: changing them costs the machine the same for each peer.
    unit = ModbusUnit()
    faults = ModbusFaults(round_trip_ms=round_trip_ms)
    async with ModbusServer(dict.fromkeys(range(1, units + 1), unit), faults=faults) as server:
        print(server.port, flush=True)
        changing = asyncio.create_task(_change(unit))
        while line := await asyncio.to_thread(sys.stdin.readline):
            match line.split():
                case ["dead", number]:
                    faults.dead.add(int(number))
                    print("ok", flush=True)
                case _:
                    print(sum(server.requests.values()), flush=True)
        changing.cancel()


async def _change(unit: ModbusUnit) -> None:
    turn = 0
    while True:
        turn += 1
        registers = unit.registers[Table.HOLDING]
        for number in range(turn % 2, REGISTERS, 2):
            registers[number] = (20_000 + number * 7 + turn) % 65_536
        await asyncio.sleep(CHANGE_S)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
