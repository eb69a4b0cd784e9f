"""`tidectl`: one verb a file in `tidectl.verbs`, loaded when it is called.

Exit codes: 0 done; 1 it could not be done, or a check found something; 2 wrong use.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    TokenRetrievalError,
)
from rich.markup import escape

from tidectl.errors import CREDENTIALS_HINT, TidectlError
from tidectl.home import Home
from tidectl.options import examples
from tidectl.output import say

FAILED, INTERRUPTED = 1, 130
VERBS = {
    "demo": "Run the whole line on this machine and watch it.",
    "up": "Start the local cloud and deploy the stack to it.",
    "down": "End the local cloud; what it keeps stays.",
    "status": "Show what runs, what is deployed and which things report.",
    "deploy": "Deploy the stack to the local cloud or to AWS.",
    "provision": "Make a thing: certificate, policy, flash image.",
    "claim": "Let boards get an identity of their own, by serial number.",
    "ota": "Update boards over the air, by signed bundles.",
    "boards": "List the boards the firmware runs on, with pins and downloads.",
    "flash": "Flash MicroPython and a thing's files to a board.",
    "sync": "Copy what changed of a thing's files to its board.",
    "monitor": "Print what the board on a port says.",
    "shell": "Open MicroPython's prompt on a board.",
    "device": "List boards and things, look into one, run one on this machine.",
    "config": "Check a board's configuration, or change its settings from afar.",
    "job": "Have boards do jobs: reboot, rotate, tell their log.",
    "command": "Ask a board something now, and print its answer.",
    "rotate": "Get a board another certificate; it keeps the key.",
    "gateway": "Read industrial devices by Greengrass components.",
    "query": "Ask the store a question in SQL.",
    "tail": "Follow the samples of a measurement as they arrive.",
    "audit": "Prove that nothing is lost and nothing stored twice.",
    "doctor": "Say what is missing on this machine and how to get it.",
}


class _Verbs(click.Group):
    """Loads a verb only when it is called, so that help is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  click's signature
        if cmd_name not in VERBS:
            return None
        try:
            command: click.Command = importlib.import_module(f"tidectl.verbs.{cmd_name}").command
        except ModuleNotFoundError as error:  # an extra that was not installed
            raise TidectlError(
                f"{cmd_name} needs the Python module {error.name}", "see tidectl doctor"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples("tidectl demo", "tidectl up", "tidectl provision greenhouse-1 --site farm"),
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=".tidegauge",
    envvar="TIDEGAUGE_HOME",
    show_default=True,
    help="Directory that keeps the local cloud and the things' keys.",
)
@click.version_option(version("tidegauge"), prog_name="tidectl")
@click.pass_context
def cli(context: click.Context, home: Path) -> None:
    """Readings from boards to a database you can ask in SQL, on AWS or on this machine."""
    context.obj = Home(home.absolute())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; every error the user can do something about is one clear line."""
    try:
        sys.exit(cli.main(arguments, prog_name="tidectl", standalone_mode=False) or 0)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # its flush must not fail
        sys.exit(FAILED)
    except TidectlError as error:
        _complain(str(error), error.hint)
    except (NoCredentialsError, TokenRetrievalError) as error:
        _complain(f"no valid AWS credentials: {error}", CREDENTIALS_HINT)
    except (ClientError, BotoCoreError) as error:
        _complain(f"AWS: {error}", "see your credentials and rights, then try again")
    sys.exit(FAILED)


def _complain(message: str, hint: str) -> None:
    line = "; ".join(message.strip().splitlines())  # a store explains itself in several
    say(f"[bold red]error:[/] {escape(line)}")
    if hint:
        say(f"[dim]hint:[/]  {escape(hint)}")
