"""The component opcua_adapter: subscriptions to OPC UA servers."""

from tidegate.opcua.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
