"""The board's half of its control plane: settings, jobs, commands, state; README has the words.

Loaded where the configuration has `control`. `dispatcher` stays; the others are loaded for a
message and forgotten after it.
"""
