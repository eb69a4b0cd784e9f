"""What can go wrong in the local nucleus."""

from tidegate.errors import GateError


class NucleusError(GateError):
    """The nucleus can't do what it is asked; the message says what to do about it."""


class RecipeError(NucleusError):
    """A recipe can't be read or run; `path` says which."""

    def __init__(self, path: object, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path, self.reason = path, message


class InterpolationError(NucleusError):
    """A script names a variable that there is not."""


class ConfigurationError(NucleusError):
    """A configuration can't be merged, as a nucleus of this kind would have it."""


class ConfigurationMissingError(ConfigurationError):
    """There is nothing at this path."""


class DeploymentError(NucleusError):
    """A deployment failed; the components are as they were before where it could be undone."""
