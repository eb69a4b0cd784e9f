"""A field of a batch: its values and what they are."""

from collections import namedtuple

# The numbers are those of the wire, where 0 and above is the decimals of a DECIMAL.
DECIMAL = 0
INTEGER = -1
FLOAT = -2
BOOLEAN = -3
TEXT = -4

Column = namedtuple("Column", ("name", "kind", "decimals", "values"))
# name: a field name. kind: one of the above. decimals: of a DECIMAL, 0 to 18; else 0.
# values: one per sample, None where the sample lacks the field. Of a DECIMAL they are
# ints, the real value being value / 10**decimals.
