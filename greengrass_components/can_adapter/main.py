"""The component can_adapter: CAN buses and J1939."""

from tidegate.can.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
