"""What the Greengrass planes refuse."""

from tidelocal.errors import LocalCloudError


class GreengrassRefusedError(LocalCloudError):
    """A call is answered with an error of AWS's, by its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


VALIDATION = "ValidationException"
NOT_FOUND = "ResourceNotFoundException"
CONFLICT = "ConflictException"
DENIED = "AccessDeniedException"
STATUSES = {VALIDATION: 400, NOT_FOUND: 404, CONFLICT: 409, DENIED: 403}
