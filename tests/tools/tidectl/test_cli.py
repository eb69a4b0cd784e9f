"""The command line as a whole: help that is true, clear errors, exit codes."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from tests.tools.tidectl.conftest import Run
from tidectl.cli import FAILED, INTERRUPTED, VERBS, cli, main
from tidectl.errors import TidectlError

WRONG_USE = 2


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command with its words, groups' own included."""
    context = click.Context(cli)
    for verb in VERBS:
        found = cli.get_command(context, verb)
        assert found, verb
        yield verb, found
        if isinstance(found, click.Group):
            for name in found.list_commands(context):
                inner = found.get_command(context, name)
                assert inner
                yield f"{verb} {name}", inner


def example_lines(command: click.Command) -> list[str]:
    """Return the examples of a command's help as they would be typed."""
    text = (command.epilog or "").partition("Examples:\n")[2].replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def parsed(words: list[str]) -> None:
    """Parse a command line against the real commands, running none; raises `UsageError`."""
    command: click.Command = cli
    parent: click.Context | None = None
    while True:
        context = command.make_context(command.name, list(words), parent=parent)
        if not isinstance(command, click.Group):
            return
        rest = [*context._protected_args, *context.args]
        name, found, words = command.resolve_command(context, rest)
        assert name
        assert found
        command, parent = found, context


def all_examples() -> list[str]:
    lines = example_lines(cli)
    for _, command in commands():
        lines += example_lines(command)
    return lines


def test_the_help_names_every_verb_with_its_line(tidectl: Run) -> None:
    done = tidectl("--help")
    assert done.code == 0
    for verb, line in VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(line)}$", done.out, re.MULTILINE), verb


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_verb_explains_itself_with_examples(words: str, tidectl: Run) -> None:
    for option in ("--help", "-h"):
        done = tidectl(*words.split(), option)
        assert done.code == 0, done.err
        assert done.out.startswith(f"Usage: tidectl {words}")
        assert "Examples:" in done.out
        assert f"tidectl {words}" in done.out.partition("Examples:")[2]


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_the_help_of_a_verb_begins_as_its_line_in_the_list(words: str) -> None:
    command = dict(commands())[words]
    first = (command.help or "").strip().partition("\n")[0]
    assert first.endswith(".")
    if words in VERBS:
        assert first.split()[:3] == VERBS[words].split()[:3]


@pytest.mark.parametrize("line", all_examples())
def test_every_example_is_one_that_the_command_takes(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(re.split(r" [|<>] ", line)[0], comments=True)
    assert words[0] == "tidectl"
    for word in words[1:]:
        if word.endswith(".json"):
            Path(word).write_text("{}")  # a file that the reader of the example has
    parsed(words[1:])


def test_an_example_that_no_command_takes_would_be_noticed() -> None:
    for words in (["status", "--nope"], ["nope"], ["provision"], ["device", "walk", "x"]):
        with pytest.raises(click.UsageError):
            parsed(words)


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("--nope",),
        ("status", "--target", "azure"),
        ("provision",),
        ("device", "run"),
        ("up", "--http-port", "65536"),
        ("up", "--http-port", "x"),
        ("deploy", "-p", "NoEquals"),
        ("device", "run", "x", "--seconds", "0"),
        ("provision", "x", "--config", "absent.json"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_is_wrong(
    arguments: tuple[str, ...], tidectl: Run
) -> None:
    done = tidectl(*arguments)
    assert done.code == WRONG_USE
    assert "Error: " in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_the_version_is_the_distributions(tidectl: Run) -> None:
    done = tidectl("--version")
    assert (done.code, done.out.strip()) == (0, f"tidectl, version {version('tidegauge')}")


def test_the_home_comes_from_the_environment_unless_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDEGAUGE_HOME", str(tmp_path / "set"))
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--json"])
    assert end.value.code in (0, FAILED)
    assert str(tmp_path / "set") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (TidectlError("it [b]broke[/b]", "mend [it]"), FAILED, "error: it [b]broke[/b]"),
        (TidectlError("first\nsecond"), FAILED, "error: first; second"),
        (KeyboardInterrupt(), INTERRUPTED, "interrupted"),
        (click.Abort(), INTERRUPTED, "interrupted"),
        (click.UsageError("not so"), WRONG_USE, "Error: not so"),
    ],
)
def test_each_way_to_end_has_its_code_and_one_line(
    error: BaseException,
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def callback() -> None:
        raise error

    monkeypatch.setitem(VERBS, "ending", "Ends in some way.")
    monkeypatch.setitem(sys.modules, "tidectl.verbs.ending", _module(callback))
    with pytest.raises(SystemExit) as end:
        main(["ending"])
    assert end.value.code == code
    written = capsys.readouterr().err
    assert told in written.splitlines()
    assert "Traceback" not in written


def test_a_verb_whose_modules_are_not_installed_points_at_the_doctor(
    tidectl: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VERBS, "absent", "Is not there.")
    done = tidectl("absent")
    assert done.complaint() == "absent needs the Python module tidectl.verbs.absent"
    assert "tidectl doctor" in done.err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "tidectl", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (FAILED, "")


def _module(callback: object) -> object:
    class Module:
        command = click.Command("ending", callback=callback)  # type: ignore[arg-type]  # any callback

    return Module()
