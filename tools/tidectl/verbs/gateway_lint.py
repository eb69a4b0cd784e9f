"""`tidectl gateway lint`: recipes, as both nuclei would take them."""

from pathlib import Path

import click
from rich.markup import escape

from tidectl.errors import TidectlError
from tidectl.options import examples, json_option
from tidectl.output import print_json, print_table, say
from tidectl.recipe_lint import BOTH, ERROR, lint_together, recipes_in


@click.command(
    epilog=examples(
        "tidectl gateway lint greengrass_components",
        "tidectl gateway lint modbus_adapter/recipe.yaml --nucleus lite",
    )
)
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--nucleus", type=click.Choice(["classic", "lite", BOTH]), default=BOTH, show_default=True,
    help="Where the components are to run.",
)  # fmt: skip
@json_option
def command(path: Path, nucleus: str, as_json: bool) -> None:
    """Check recipes against what the classic nucleus and nucleus lite take.

    PATH is a recipe, or a folder with some. Lite takes recipes without a word whose components
    then never run; this says so. Exit code 1 when there is an error.
    """
    paths = recipes_in(path)
    if not paths:
        raise TidectlError(f"there is no recipe at {path}", "a recipe is named recipe.yaml")
    rows = [
        (str(one), finding)
        for one, findings in lint_together(paths).items()
        for finding in findings
        if finding.matters_on(nucleus)
    ]
    errors = sum(finding.severity == ERROR for _, finding in rows)
    if as_json:
        print_json(
            {
                "recipes": len(paths),
                "errors": errors,
                "findings": [
                    {
                        "path": one,
                        "rule": finding.rule,
                        "where": finding.where,
                        "nucleus": finding.nucleus,
                        "severity": finding.severity,
                        "message": finding.message,
                    }
                    for one, finding in rows
                ],
            }
        )
    elif rows:
        print_table(
            ("recipe", "severity", "nucleus", "rule", "where", "what"),
            [
                (
                    one,
                    finding.severity,
                    finding.nucleus,
                    finding.rule,
                    finding.where,
                    finding.message,
                )
                for one, finding in rows
            ],
        )
    if not as_json:
        say(escape(f"{len(paths)} recipes, {errors} errors, {len(rows) - errors} warnings"))
    if errors:
        raise click.exceptions.Exit(1)
