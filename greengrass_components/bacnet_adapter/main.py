"""The component bacnet_adapter: BACnet/IP devices."""

from tidegate.bacnet.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
