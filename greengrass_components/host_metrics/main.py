"""The component host_metrics: the gateway's own sensors."""

from tidegate.host.kind import KIND
from tidegate.program import run

if __name__ == "__main__":
    run(KIND)
