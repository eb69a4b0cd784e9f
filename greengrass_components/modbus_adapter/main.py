"""The component modbus_adapter: Modbus TCP, RTU and RTU over TCP."""

from tidegate.modbus.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
