"""Renders many pictures in several processes.

Each picture depends on its number alone, so any process may render it.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from zoo.training.datasets.rendered_signs.rendering import Rendering
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import scene

_WORTH_IT = 100
"""Pictures a process, fewer of which take less time than its start."""


def render_many(
    split: str, count: int, *, scenes: bool, size: int, seed: int = 0
) -> Iterator[Rendering]:
    """Yields the first pictures of a split, in their order.

    Args:
        split: As of `crop` and `scene`.
        count: Pictures to render.
        scenes: Whether they are scenes, rather than cut-out signs.
        size: Pixels on a side.
        seed: Of all pictures.

    Raises:
        RuntimeError: If a process ends before its pictures are rendered.
    """
    processes = min(os.cpu_count() or 1, count // _WORTH_IT)
    if processes < 2 or not sys.executable:
        render = scene if scenes else crop
        for index in range(count):
            yield render(split, index, size=size, seed=seed)
        return
    # Not `multiprocessing`: its processes run the user's script once more.
    path = os.pathsep.join(filter(None, sys.path))
    options = [split, *map(str, (count, int(scenes), size, seed, processes))]
    with contextlib.ExitStack() as stack:
        pipes = []
        for process in range(processes):
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", __name__, *options, str(process)],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
            )
            stack.callback(_end, worker)
            pipes.append(worker.stdout)
        for index in range(count):
            yield _read(pipes[index % processes], size)


def _end(worker):
    worker.kill()
    worker.stdout.close()
    worker.wait()


def _read(pipe, size):
    """Reads what `main` writes of one picture."""
    shapes = {
        "image": ((size, size, 3), "uint8"),
        "mask": ((size, size, 1), "uint8"),
        "homography": ((3, 3), "float32"),
    }
    arrays = {}
    for name, (shape, dtype) in shapes.items():
        length = int(np.prod(shape)) * np.dtype(dtype).itemsize
        content = pipe.read(length)
        if len(content) < length:
            raise RuntimeError(
                "A process that renders signs must render all of its own. "
                "Received: it ended before"
            )
        arrays[name] = np.frombuffer(content, dtype).reshape(shape)
    return Rendering(**arrays)


def main(arguments: list[str]) -> int:
    """Writes every `step`-th picture, as bytes, to standard output."""
    split, *numbers = arguments
    count, scenes, size, seed, step, first = map(int, numbers)
    render = scene if scenes else crop
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        for index in range(first, count, step):
            rendering = render(split, index, size=size, seed=seed)
            for array in (
                rendering.image,
                rendering.mask,
                rendering.homography,
            ):
                sys.stdout.buffer.write(array.tobytes())
        sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
