"""How far an evaluation is."""

from collections.abc import Callable

import rich.console
import rich.progress


class Progress:
    """Draws one bar for each phase of an evaluation, inside a `with` block.

    A bar shows the phase, the images left, the accuracy so far and the time
    left. Nothing is written unless the console is a terminal.

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
        )

    def __enter__(self) -> "Progress":
        self._bars.start()
        return self

    def __exit__(self, *_) -> None:
        self._bars.stop()

    def phase(self, title: str, images: int) -> Callable[[int, float], None]:
        """Adds a bar and returns `advance(images, accuracy)` for it.

        Args:
            title: What is running.
            images: How many images the phase has.
        """
        task = self._bars.add_task(
            title, total=images, left=images, accuracy="–"
        )
        left = images

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
