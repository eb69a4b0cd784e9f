"""Pieces of DuckDB SQL with holes, for the translators."""

from sqlglot import exp


def fill(text: str, **parts: exp.Expression) -> exp.Expression:
    """The tree of `text`, with the columns named like `parts` replaced by them."""
    tree: exp.Expression = exp.maybe_parse(text, dialect="duckdb")

    def put(node: exp.Expression) -> exp.Expression:
        named = isinstance(node, exp.Column) and node.name in parts
        return parts[node.name].copy() if named else node

    filled: exp.Expression = tree.transform(put)
    return filled
