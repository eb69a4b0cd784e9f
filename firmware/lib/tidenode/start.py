"""Start the agent; after a fault that no stage could handle, start the board anew."""

import asyncio
import gc
import sys
import time

import machine

from tidenode.errors import ConfigError

FAULT_PAUSE_MS = 5_000  # time to read the message and to stop a loop of faults by Ctrl-C
PROMPT_MS = 3_600_000


def run() -> None:
    """Run until the agent is stopped. Raises ConfigError: starting anew would find the same."""
    try:
        from tidenode import mode

        way = mode.choose(machine)
        _let_go("mode")
        if way == "portal":
            import network

            from tidenode import portal

            portal.run(machine, network)
        if way == "wake":
            _sleep()
            return
        if _did_errand():
            machine.reset()  # the agent needs a heap that nothing has used
        from tidenode import app

        if way == "sleep":
            _sleep()
            return
        agent = app.build()
        app.forget_start()
        asyncio.run(agent.run())
        if agent.restarting:
            from tidenode import streak

            streak.prove(agent.boot)  # what ends on purpose was not in vain
            machine.reset()
    except KeyboardInterrupt:
        if "tidenode.watchdog" in sys.modules:
            machine.WDT(timeout=PROMPT_MS)  # it can't be stopped, and somebody wants the prompt
        raise
    except ConfigError:
        raise
    except Exception as error:  # the outermost loop of the agent
        sys.print_exception(error, sys.stderr)  # type: ignore[attr-defined]
        _keep(error)
        time.sleep_ms(FAULT_PAUSE_MS)  # type: ignore[attr-defined]
        machine.reset()


def _did_errand() -> bool:
    """Become a thing, or another one's equal; return whether there was need. Raises ConfigError."""
    from tidenode import identity

    errand = identity.errand()
    if errand:
        from tidenode.forgetting import forget

        # Where somebody loaded drivers already: TLS has to fit.
        forget(*[name[9:] for name in sys.modules if name.startswith("tidenode.drivers")])
    if errand == "claim":
        from tidenode import claim

        claim.run()
    elif errand == "rotation":
        from tidenode import rotation

        rotation.run()
    for name in ("identity", "der"):  # kilobytes of heap, which the agent has no use for
        _let_go(name)
    return bool(errand)


def _let_go(name: str) -> None:
    """Empty a module, for whoever still names it; who imports it again gets it anew."""
    sys.modules.pop("tidenode." + name).__dict__.clear()
    sys.modules["tidenode"].__dict__.pop(name, None)


def _sleep() -> None:
    from tidenode import sleep

    sleep.run(machine)


def _keep(error: Exception) -> None:
    """Keep the trace for the start after this, which tells it."""
    try:
        gc.collect()
        from tidenode import incident

        incident.note_error(error)
    except Exception as another:  # no memory, no flash: the reset must come
        sys.print_exception(another, sys.stderr)  # type: ignore[attr-defined]
