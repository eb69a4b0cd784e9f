"""Replace the program that runs, or MicroPython itself, by a signed bundle; README has the way.

Each module is loaded when an update needs it, and forgotten after.
"""
