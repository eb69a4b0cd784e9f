"""Say so where we know that a thing's board does not listen to its cloud."""

from tidectl.errors import TidectlError
from tidectl.home import Home
from tidectl.output import say
from tidectl.thing import ThingFolder


def warn_of_the_deaf(home: Home, *things: str) -> None:
    """Warn of those of `things` that were configured here without `control`.

    No more than that: a board may have another configuration by now.
    """
    for thing in things:
        folder = ThingFolder(home.thing_folder(thing))
        try:
            deaf = folder.config_path.exists() and folder.config().get("control") is None
        except TidectlError:
            continue  # whoever needs its configuration will say what is wrong with it
        if deaf:
            say(
                f"[yellow]note:[/]  {thing} was configured without `control`: its board would not "
                "hear of it"
            )
