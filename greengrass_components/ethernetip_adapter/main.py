"""The component ethernetip_adapter: Logix controllers."""

from tidegate.ethernetip.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
