"""Check recipes for the classic nucleus and for nucleus lite."""

from tidectl.recipe_lint.finding import BOTH, CLASSIC, ERROR, LITE, WARNING, Finding
from tidectl.recipe_lint.lint import lint, lint_document, lint_together, recipes_in

__all__ = [
    "BOTH",
    "CLASSIC",
    "ERROR",
    "LITE",
    "WARNING",
    "Finding",
    "lint",
    "lint_document",
    "lint_together",
    "recipes_in",
]
