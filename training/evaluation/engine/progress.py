"""Bars that show how far an evaluation is."""

import contextlib
import math
from collections.abc import Callable
from collections.abc import Iterator

import rich.console
import rich.progress


class Progress:
    """Draws a bar for each pass over the images, inside a `with` block.

    A bar shows the attack, the images left, the accuracy on those that are
    done and the time left, from the mean speed of the pass. Nothing is
    written unless the console is a terminal.

    Args:
        enabled: Whether to draw at all.
        console: Where to draw; standard error if `None`.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        console: rich.console.Console | None = None,
    ):
        console = console or rich.console.Console(stderr=True)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(bar_width=20),
            rich.progress.TextColumn("{task.fields[left]} images left"),
            rich.progress.TextColumn("accuracy {task.fields[accuracy]}"),
            rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            disable=not (enabled and console.is_terminal),
            # A batch may take longer than the 30 s it looks back by default.
            speed_estimate_period=math.inf,
        )

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def add(
        self, title: str, images: int, *, done: int = 0
    ) -> Callable[[int, float], None]:
        """Adds a bar and returns `advance(images, accuracy)` for it.

        Args:
            title: What is running.
            images: How many images the pass runs on.
            done: How many of them an earlier run did; they don't count in
                the speed.
        """
        left = images - done
        task = self._bars.add_task(
            title, total=images, completed=done, left=left, accuracy="–"
        )
        self._bars.update(task)  # Finishes it at once if nothing is left.

        def advance(done: int, accuracy: float) -> None:
            nonlocal left
            left -= done
            self._bars.update(
                task,
                advance=done,
                left=left,
                accuracy=f"{100 * accuracy:.1f} %",
            )

        return advance


@contextlib.contextmanager
def step_progress(
    title: str, *, enabled: bool = True
) -> Iterator[Callable[[int, int], None]]:
    """Draws one bar of the steps and the time left, on standard error.

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
