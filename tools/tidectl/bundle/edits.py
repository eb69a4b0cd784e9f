"""Replace parts of a module's text by their places in its tree, and keep its number of lines."""

import ast

_DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Edits:
    """Replacements in `text`; of two that meet, the first stays."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines = text.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._edits: list[tuple[int, int, str]] = []

    def replace(self, node: ast.stmt | ast.expr, new: str) -> None:
        """Put `new` in the place of all of `node`."""
        start = self._at(node.lineno, node.col_offset)
        if isinstance(node, _DEFINITION) and node.decorator_list:
            first = node.decorator_list[0]
            start = self._at(first.lineno, first.col_offset - 1)
        self._add(start, self._end(node), new)

    def rename(self, node: ast.arg | ast.keyword, old: str, new: str) -> None:
        """Rename a parameter, or the keyword that names one: `node` begins with it."""
        start = self._at(node.lineno, node.col_offset)
        self._add(start, start + len(old), new)

    def rename_definition(self, node: _DEFINITION, new: str) -> None:
        """Rename what `node` defines."""
        start = self._text.index(f" {node.name}", self._at(node.lineno, node.col_offset)) + 1
        self._add(start, start + len(node.name), new)

    def rename_attribute(self, node: ast.Attribute, new: str) -> None:
        """Rename the attribute, which ends `node`."""
        end = self._end(node)
        self._add(end - len(node.attr), end, new)

    def text(self) -> str:
        """Return the text with all of it replaced."""
        parts, at = [], 0
        for start, end, new in sorted(self._edits):
            parts += [self._text[at:start], new, "\n" * self._text.count("\n", start, end)]
            at = end
        return "".join([*parts, self._text[at:]])

    def _add(self, start: int, end: int, new: str) -> None:
        if not any(start < other_end and end > other for other, other_end, _ in self._edits):
            self._edits.append((start, end, new))

    def _end(self, node: ast.stmt | ast.expr) -> int:
        return self._at(node.end_lineno or 0, node.end_col_offset or 0)

    def _at(self, line: int, column: int) -> int:
        before = self._lines[line - 1].encode()[:column]  # a tree counts bytes
        return self._starts[line - 1] + len(before.decode())
