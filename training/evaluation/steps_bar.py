"""How far an attack of many steps is."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator

import rich.console
import rich.progress


@contextlib.contextmanager
def steps_bar(
    title: str, *, enabled: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Draws a bar of the steps and the time left, on standard error.

    Nothing is written unless that is a terminal.

    Args:
        title: What is running.
        enabled: Whether to draw at all.

    Yields:
        What `attacks.rp2` takes as `progress`.
    """
    console = rich.console.Console(stderr=True)
    bar = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(bar_width=20),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not (enabled and console.is_terminal),
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)
