"""The component s7_adapter: Siemens S7 controllers."""

from tidegate.s7.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
