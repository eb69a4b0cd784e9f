"""What can be wrong with an update."""

from tidenode.errors import NodeError


class UpdateError(NodeError):
    """An update can't be had now; another try may help."""


class UpdateRefusedError(UpdateError):
    """An update is not for this board, or not what was signed; it never will be."""
