"""The component mqtt_bridge: boards and devices of a local broker."""

import sys

from tidegate.mqtt.program import main

if __name__ == "__main__":
    sys.exit(main())
