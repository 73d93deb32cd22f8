"""What a command is doing, said while it takes long."""

import contextlib
import sys
import threading
from collections.abc import Iterator

_LONG = 10.0
"""Seconds after which a step is named where there is no terminal."""


@contextlib.contextmanager
def activity(text: str, *, enabled: bool = True) -> Iterator[None]:
    """Says on standard error what is being done, while it is.

    A terminal shows the seconds that it has taken, and nothing of it
    afterwards. A file gets one line, if the step takes long.

    Args:
        text: What is being done.
        enabled: Whether to say it at all.
    """
    if not enabled:
        yield
        return
    if not sys.stderr.isatty():
        line = threading.Timer(
            _LONG, print, [f"{text} …"], {"file": sys.stderr, "flush": True}
        )
        line.daemon = True
        line.start()
        try:
            yield
        finally:
            line.cancel()
        return
    import rich.progress
    from rich.console import Console

    shown = rich.progress.Progress(
        rich.progress.SpinnerColumn(),
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        shown.add_task(text, total=None)
        yield
