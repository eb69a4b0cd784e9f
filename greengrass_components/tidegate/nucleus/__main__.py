"""`python -m tidegate.nucleus`."""

import sys

from tidegate.nucleus.program import main

sys.exit(main(sys.argv[1:]))
