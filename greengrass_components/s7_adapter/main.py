"""The component s7_adapter: Siemens S7 controllers."""

from tidegate.program import run
from tidegate.s7.kind import KIND

if __name__ == "__main__":
    run(KIND)
