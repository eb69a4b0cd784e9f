"""Show how far a long command is: a bar on a terminal, a line now and then elsewhere."""

from typing import Self

from rich.markup import escape
from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from tidectl.output import err, say

LINE_EVERY_PERCENT = 25


class Progress:
    """Steps one after the other, the last of which is under way; for standard error."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._task: TaskID | None = None
        self._text = ""
        self._told_percent = 0

    def step(self, text: str) -> None:
        """Begin a step; the one before is done."""
        self._text, self._told_percent = text, 0
        if err.is_terminal:
            self._end_step()
            self._task = self._bars.add_task(escape(text), total=100)
        else:
            say(escape(text))

    def note(self, text: str) -> None:
        """Say something that stays on the screen."""
        self._bars.console.print(escape(text))

    def at(self, percent: int) -> None:
        """Tell how far the step is."""
        if self._task is not None:
            self._bars.update(self._task, completed=percent)
        elif percent >= self._told_percent + LINE_EVERY_PERCENT:
            self._told_percent = percent - percent % LINE_EVERY_PERCENT
            say(escape(f"{self._text}: {self._told_percent} %"))

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end_step()
        self._bars.stop()

    def _end_step(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, completed=100)
