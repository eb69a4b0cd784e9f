"""Come to MicroPython's prompt on a board, whatever the board is at.

mpremote presses Ctrl-C once. A board in its start does not hear it, and then runs its program.
"""

import time

from tidectl.errors import TidectlError
from tidectl.serial_port import PortGoneError, SerialPort

ANSWER_S_MAX = 30.0
_KNOCK_S = 0.5  # a second Ctrl-C too soon would interrupt what the first one set going
_KNOCK = b"\r\x03\x02"  # Ctrl-C ends the program, Ctrl-B has the prompt printed, also in raw mode
_PROMPT = b">>> "


def wait_for_prompt(port: str, within_s: float = ANSWER_S_MAX) -> None:
    """End the program of the board at `port`; raises `TidectlError` if no prompt comes."""
    deadline = time.monotonic() + within_s
    try:
        with SerialPort(port) as board:
            while time.monotonic() < deadline:
                board.write(_KNOCK)
                if _prompted(board, time.monotonic() + _KNOCK_S):
                    return
    except PortGoneError as error:
        raise TidectlError(
            f"there is no board at {port}", "see tidectl device list for the ports there are"
        ) from error
    raise TidectlError(
        f"the board did not answer in {within_s:g} s",
        "press RESET on the board, look at the cable, and run the same command again; "
        "without MicroPython on it: flash it",
    )


def _prompted(board: SerialPort, until: float) -> bool:
    said = b""
    while time.monotonic() < until:
        said = said[-len(_PROMPT) :] + board.read()
        if _PROMPT in said:
            return True
    return False
