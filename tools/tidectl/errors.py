"""What can go wrong for the user of the command line."""

CREDENTIALS_HINT = "set AWS_PROFILE, or run `aws configure sso`; `--target local` needs none"


class TidectlError(Exception):
    """A command can't go on. `hint` says what to do next, in one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
