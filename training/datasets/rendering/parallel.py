"""Renders many pictures in several processes.

Each picture depends on its number alone, so any process may render it.
"""

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from typing import TypeVar

Rendering = TypeVar("Rendering")

_WORTH_IT = 100
"""Pictures a process, fewer of which take less time than its start."""


def render_many(
    render: Callable[[int], Rendering], count: int
) -> Iterator[Rendering]:
    """Yields `render(0)` to `render(count - 1)`, in this order.

    Args:
        render: Renders the picture of a number. Other processes find it by
            its module and name, so it must be a function of a module, or a
            `functools.partial` of one.
        count: Pictures to render.

    Raises:
        RuntimeError: If a process ends before its pictures are rendered.
    """
    processes = min(os.cpu_count() or 1, count // _WORTH_IT)
    if processes < 2 or not sys.executable:
        yield from map(render, range(count))
        return
    # Not `multiprocessing`: its processes run the user's script once more.
    path = os.pathsep.join(filter(None, sys.path))
    with contextlib.ExitStack() as stack:
        pipes = []
        for first in range(processes):
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
            stack.callback(_end, worker)
            numbers = range(first, count, processes)
            with contextlib.suppress(BrokenPipeError), worker.stdin:
                pickle.dump((render, numbers), worker.stdin)
            pipes.append(worker.stdout)
        for index in range(count):
            yield _read(pipes[index % processes])


def _end(worker):
    worker.kill()
    worker.stdout.close()
    worker.wait()


def _read(pipe):
    """Reads one of what `main` writes."""
    try:
        return pickle.load(pipe)
    except (EOFError, pickle.UnpicklingError) as error:
        raise RuntimeError(
            "A process that renders must render all pictures of its own. "
            "Received: it ended before"
        ) from error


def main() -> int:
    """Writes the pictures that standard input asks for to standard output."""
    render, numbers = pickle.load(sys.stdin.buffer)
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for number in numbers:
            pickle.dump(render(number), sys.stdout.buffer)
            sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
