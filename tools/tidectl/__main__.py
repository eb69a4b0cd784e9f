"""`python -m tidectl` is `tidectl`."""

from tidectl.cli import main

main()
