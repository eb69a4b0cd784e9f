"""What can be wrong with the modules of a bundle."""


class BundleError(Exception):
    """The modules can't be one: the message says which names are in the way."""
