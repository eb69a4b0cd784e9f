"""The component snmp_adapter: SNMP agents and their traps."""

from tidegate.program import run
from tidegate.snmp.kind import KIND

if __name__ == "__main__":
    run(KIND)
