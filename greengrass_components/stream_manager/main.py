"""The component stream_manager: AWS's Stream Manager protocol in a twentieth of its memory."""

import sys

from tidegate.streams.program import main

if __name__ == "__main__":
    sys.exit(main())
