"""Start the agent; after a fault that no stage could handle, start the board anew."""

import asyncio
import sys

import machine

from tidenode.errors import ConfigError
from tidenode.forgetting import forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tidenode.agent import Agent

FAULT_PAUSE_MS = 5_000  # time to read the message and to stop a loop of faults by Ctrl-C
PROMPT_MS = 3_600_000


def run() -> None:
    """Run until the agent is stopped. Raises ConfigError: starting anew would find the same."""
    try:
        agent = _agent()
        if agent is None:
            return
        asyncio.run(agent.run())
        if agent.restarting:
            from tidenode import streak

            streak.prove(agent.boot)  # what ends on purpose was not in vain
            machine.reset()
    except KeyboardInterrupt:
        from tidenode.agent import running

        if running is not None and running.watchdog is not None:
            machine.WDT(timeout=PROMPT_MS)  # it can't be stopped, and somebody wants the prompt
        raise
    except ConfigError:
        raise
    except Exception as error:  # the outermost loop of the agent
        sys.print_exception(error, sys.stderr)  # type: ignore[attr-defined]  # MicroPython's
        _keep(error)
        import time

        time.sleep_ms(FAULT_PAUSE_MS)  # type: ignore[attr-defined]  # MicroPython's
        machine.reset()


# Apart from `run`: a module that is named on the stack keeps what it is made of.


def _agent() -> "Agent | None":
    """Return the agent to run; None where the start was spent otherwise. Raises ConfigError."""
    from tidenode import mode

    way = mode.choose(machine)
    forget("mode")  # kilobytes of heap, which nothing else has a use for
    if way:
        _spend(way)
        return None
    from tidenode import app

    agent = app.build()
    app.forget_start()
    import gc

    gc.collect()  # what the lines above still named, 7 KB: else tasks would be laid among it
    return agent


def _spend(way: str) -> None:
    if way == "portal":
        import network

        from tidenode import portal

        portal.run(machine, network)
    elif way in ("sleep", "wake"):
        from tidenode import sleep

        sleep.run(machine)
        return
    # Where somebody loaded drivers already: TLS has to fit.
    forget(*[name[9:] for name in sys.modules if name.startswith("tidenode.drivers")])
    if way == "claim":
        from tidenode import claim

        claim.run()
    elif way == "rotation":
        from tidenode import rotation

        rotation.run()
    machine.reset()  # the agent needs a heap that nothing has used


def _keep(error: Exception) -> None:
    """Keep the trace for the start after this, which tells it."""
    try:
        import gc

        gc.collect()
        from tidenode import incident

        incident.note_error(error)
    except Exception as another:  # no memory, no flash: the reset must come
        sys.print_exception(another, sys.stderr)  # type: ignore[attr-defined]  # MicroPython's
