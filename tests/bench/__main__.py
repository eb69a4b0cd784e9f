"""Run the benches: a table of each for people, then one JSON object of all figures, last line.

`python -m tests.bench [NAME...]` runs all, or those named. A bench is a file here with
`run() -> Figures`. Exit code 2 for an unknown name.
"""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console

from tests.bench.figures import Figures

HERE = Path(__file__).parent


def bench_names() -> list[str]:
    """Return the names of the benches: the files here that define `run`."""
    return sorted(
        p.stem for p in HERE.glob("[a-z]*.py") if "\ndef run() -> Figures:" in p.read_text()
    )


def main(only: list[str]) -> int:
    """Run the benches named in `only`, or all, and return the exit code."""
    names = bench_names()
    if unknown := sorted(set(only) - set(names)):
        print(f"no bench {', '.join(unknown)}; there are: {', '.join(names)}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 110)
    values: dict[str, float | int | str | bool | None] = {}
    for name in only or names:
        result: Figures = importlib.import_module(f"tests.bench.{name}").run()
        if doubled := sorted(set(values) & set(result.values)):
            raise ValueError(f"bench {name} gives figures that another gave: {doubled}")
        values.update(result.values)
        console.print(result.table)
    print(json.dumps(values), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
