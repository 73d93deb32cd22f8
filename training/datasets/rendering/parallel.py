"""Renders many examples in several processes.

Each example depends on its number alone, so any process may render it.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np

Layout = Mapping[str, tuple[tuple[int, ...], str]]
"""Shape and type of each array of an example, by its name."""

_RENDERED, _REFUSED = b"+", b"-"

_WORTH_IT = 100
"""Examples a process, fewer of which take less time than its start."""


def render_many(
    render: Callable, split: str, count: int, layout: Layout, **options: Any
) -> Iterator[dict[str, np.ndarray]]:
    """Yields the first examples of a split, in their order.

    Args:
        render: Renders one, given the split, its number and `options`; a
            function at the top of its module. What it returns has an
            attribute for each array.
        split: Given to `render`.
        count: Examples to render.
        layout: Of each example.
        options: What JSON can hold.

    Raises:
        RuntimeError: If a process ends before its examples are rendered.
        ValueError: If an example cannot be rendered from what it is given,
            such as a photograph that is cut short.
    """
    processes = min(os.cpu_count() or 1, count // _WORTH_IT)
    if processes < 2 or not sys.executable:
        for index in range(count):
            rendering = render(split, index, **options)
            yield {name: getattr(rendering, name) for name in layout}
        return
    # Not `multiprocessing`: its processes run the user's script once more.
    path = os.pathsep.join(filter(None, sys.path))
    task = json.dumps(
        {
            "module": render.__module__,
            "name": render.__name__,
            "split": split,
            "numbers": [count, processes],
            "arrays": list(layout),
            "options": options,
        }
    )
    with contextlib.ExitStack() as stack:
        workers = []
        for process in range(processes):
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, task, str(process)],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
            stack.callback(_end, worker)
            workers.append(worker)
        for index in range(count):
            yield _read(workers[index % processes], layout)


def _end(worker):
    worker.kill()
    worker.stdout.close()
    worker.wait()


def _read(worker, layout):
    """Reads what `main` writes of one example: a letter, then its arrays."""
    pipe, arrays = worker.stdout, {}
    if pipe.read(1) == _REFUSED:
        raise ValueError(pipe.read().decode())
    for name, (shape, dtype) in layout.items():
        length = int(np.prod(shape)) * np.dtype(dtype).itemsize
        content = pipe.read(length)
        if len(content) < length:
            raise RuntimeError(
                "A process that renders examples must render all of its own. "
                "Received: it ended before"
            )
        arrays[name] = np.frombuffer(content, dtype).reshape(shape)
    return arrays


def main(arguments: list[str]) -> int:
    """Writes every `step`-th example, as bytes, to standard output."""
    task, first = json.loads(arguments[0]), int(arguments[1])
    render = getattr(importlib.import_module(task["module"]), task["name"])
    count, step = task["numbers"]
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for index in range(first, count, step):
            try:
                rendering = render(task["split"], index, **task["options"])
            except ValueError as error:
                sys.stdout.buffer.write(_REFUSED + str(error).encode())
                break
            sys.stdout.buffer.write(_RENDERED)
            for name in task["arrays"]:
                sys.stdout.buffer.write(getattr(rendering, name).tobytes())
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
