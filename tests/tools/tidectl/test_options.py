"""What several verbs share: their options and how their examples are laid out."""

import click
import pytest
from click.testing import CliRunner

from tidectl.options import examples, json_option, target_options


@click.command()
@target_options
@json_option
def command(target: str, region: str | None, as_json: bool) -> None:
    click.echo(f"{target} {region} {as_json}")


@pytest.mark.parametrize(
    ("arguments", "environment", "answer"),
    [
        ([], {}, "local None False"),
        (["--target", "aws", "--region", "eu-west-1", "--json"], {}, "aws eu-west-1 True"),
        ([], {"TIDEGAUGE_TARGET": "aws"}, "aws None False"),
        (["--target", "local"], {"TIDEGAUGE_TARGET": "aws"}, "local None False"),
    ],
)
def test_a_flag_wins_over_the_environment_and_that_over_the_default(
    arguments: list[str], environment: dict[str, str], answer: str
) -> None:
    done = CliRunner().invoke(command, arguments, env=environment)
    assert done.output.strip() == answer


def test_another_target_is_wrong_use() -> None:
    done = CliRunner().invoke(command, ["--target", "azure"])
    assert done.exit_code == 2
    assert "'local', 'aws'" in done.output


def test_examples_are_lines_that_click_does_not_wrap() -> None:
    assert examples("tidectl up", "tidectl down") == "\b\nExamples:\n  tidectl up\n  tidectl down"
