"""Progress of long steps: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_shown(console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Give a function to call with (text, done, of)."""
    if not console.is_terminal:
        last = ""

        def line(text: str, done: int, of: int) -> None:
            nonlocal last
            shown = f"{text}: {done} of {of}" if of > 1 else text
            if shown != last:
                console.print(shown, highlight=False, markup=False)
            last = shown

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("")

        def move(text: str, done: int, of: int) -> None:
            bar.update(task, description=text, completed=done, total=of)

        yield move
