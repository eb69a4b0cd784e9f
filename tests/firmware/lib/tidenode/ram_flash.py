"""A NOR flash in RAM, for MicroPython: programming only clears bits, which is asserted."""

BLOCK = 4096


class RamFlash:
    """The block device in `cells`; operations are noted in `journal` where that is a list.

    An operation is (first byte, data), data None for the erase of a block. `erases` counts
    those of each block, `programmed_bytes` all that was programmed.
    """

    def __init__(self, cells):
        self.cells = cells
        self.journal = None
        self.erases = [0] * (len(cells) // BLOCK)
        self.programmed_bytes = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = self.cells[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            self.erase(block)
        at = block * BLOCK + (offset or 0)
        if self.journal is not None:
            self.journal.append((at, bytes(buffer)))
        self.programmed_bytes += len(buffer)
        for position, byte in enumerate(buffer):
            assert self.cells[at + position] & byte == byte, "programmed twice"
            self.cells[at + position] = byte

    def erase(self, block):
        at = block * BLOCK
        if self.journal is not None:
            self.journal.append((at, None))
        self.erases[block] += 1
        self.cells[at : at + BLOCK] = b"\xff" * BLOCK

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.cells) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            self.erase(argument)
        return 0
