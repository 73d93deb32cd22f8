"""How many images a server should run at once, measured on the model."""

import dataclasses
import os
import statistics
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from zoo.exports.c_api import SavedModelSession

_ENOUGH = 0.95
"""Share of the best throughput that is worth no larger batch."""
_QUEUE_SECONDS = 1.0
"""Work that may wait; beyond it a server says at once that it is full."""
_SHORTEST_WAIT, _LONGEST_WAIT = 100, 10_000
_FEWEST_ROUNDS = 5
_LONGEST_RUN = 2.0
"""Seconds; no batch is tried that is larger than one that takes longer."""


@dataclasses.dataclass(frozen=True)
class BatchTime:
    """How long a batch takes.

    Args:
        images: Of the batch.
        seconds: Median time of a run.
        slowest: Longest time of a run; as the median if `None`.
        runs: How often it was run.
    """

    images: int
    seconds: float
    slowest: float | None = None
    runs: int = 1

    @property
    def throughput(self) -> float:
        """Images a second."""
        return self.images / self.seconds


@dataclasses.dataclass(frozen=True)
class BatchPlan:
    """What a server's batching is told.

    Args:
        measured: Times of the batches tried, the smallest first.
        limit: Images that one request may have; it is split if need be.
        largest: Images of the largest batch that is run.
        sizes: Sizes to pad to, on a GPU; none on a CPU.
        wait_micros: How long a request waits at most for others.
        queue: Batches that may wait.
        threads: Batches that run at once.
        device: What it was measured on.
    """

    measured: tuple[BatchTime, ...]
    limit: int
    largest: int
    sizes: tuple[int, ...]
    wait_micros: int
    queue: int
    threads: int
    device: str


def plan_batches(
    session: SavedModelSession,
    image: np.ndarray,
    *,
    most: int = 64,
    seconds: float = 0.3,
    longest: float = _LONGEST_RUN,
) -> BatchPlan:
    """Measures batches of 1, 2, 4, … and `most` images; chooses among them.

    The sizes take turns, so that what else the machine does slows all alike.
    What takes longer than `longest` has no larger size tried after it, so that
    the measurement ends within a minute where one image takes a second.
    The largest batch is the smallest that reaches 95 % of the best throughput
    seen: more would only lengthen each request. Larger requests are split,
    up to `most` images. A request waits for others at
    most half as long as one image takes to run. As much work as takes a
    second may queue; then the server refuses, and clients back off. On a GPU
    batches are padded to the sizes measured, since each new size costs it a
    search for kernels; on a CPU padding only costs.

    Args:
        session: Has the signature `serving_default`.
        image: One image, `(height, width, channels)`, pixels in [0, 1].
        most: Largest batch tried, and images that a request may have; one
            or more.
        seconds: Time spent on each size; each is run five times at least.
        longest: Seconds of a run, beyond which no larger batch is tried.

    Raises:
        ValueError: If `most` is no whole number from one.
    """
    if isinstance(most, bool) or not isinstance(most, int) or most < 1:
        raise ValueError(
            "`most` must be a whole number, one or more. "
            f"Received: most={most!r}"
        )
    sizes = sorted({*(2**n for n in range(most.bit_length())), most})
    measured = _measure(session, image, sizes, seconds, longest)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        device = details.get("device_name", "GPU")
    else:
        device = f"CPU, {_cores()} cores"
    return choose(
        measured, device, 2 if gpus else _cores(), limit=most, pad=bool(gpus)
    )


def choose(
    measured: Sequence[BatchTime],
    device: str,
    threads: int,
    *,
    limit: int,
    pad: bool,
) -> BatchPlan:
    """Chooses a plan from times, as `plan_batches` says.

    Args:
        measured: Times by size, a single image first.
        device: What they were measured on.
        threads: Batches that run at once.
        limit: Images that a request may have.
        pad: Whether batches are padded.
    """
    best = max(one.throughput for one in measured)
    largest = next(one for one in measured if one.throughput >= _ENOUGH * best)
    wait = round(measured[0].seconds / 2 * 1e6)
    return BatchPlan(
        measured=tuple(measured),
        limit=limit,
        largest=largest.images,
        sizes=tuple(
            one.images for one in measured if one.images <= largest.images
        )
        if pad
        else (),
        wait_micros=min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT),
        queue=max(2, round(threads * _QUEUE_SECONDS / largest.seconds)),
        threads=threads,
        device=device,
    )


def batching_config(plan: BatchPlan) -> str:
    """Returns TensorFlow Serving's `BatchingParameters` as text."""
    lines = [
        "# Batches of several callers' requests, measured on this model.",
        f"# Device: {plan.device}. Write the bundle again on the server's own:",
        '# python -c "from zoo.exports import serving; '
        "serving.write_bundle('DIR')\"",
        "#",
        "# The sizes took turns; times are medians, and the slowest of all.",
        "# images  runs  milliseconds  slowest  images a second",
        *(
            f"# {one.images:6} {one.runs:5} {1e3 * one.seconds:13.2f}"
            f" {1e3 * (one.slowest or one.seconds):8.2f}"
            f" {one.throughput:16.1f}"
            for one in plan.measured
        ),
        f"max_batch_size {{ value: {plan.limit} }}",
        "enable_large_batch_splitting { value: true }",
        f"max_execution_batch_size {{ value: {plan.largest} }}",
        f"batch_timeout_micros {{ value: {plan.wait_micros} }}",
        f"max_enqueued_batches {{ value: {plan.queue} }}",
        f"num_batch_threads {{ value: {plan.threads} }}",
        *(f"allowed_batch_sizes: {size}" for size in plan.sizes),
    ]
    return "\n".join(lines) + "\n"


def _measure(
    session: SavedModelSession,
    image: np.ndarray,
    sizes: Sequence[int],
    seconds: float,
    longest: float,
) -> list[BatchTime]:
    """Runs the sizes in turn, as often as fits, five times at least."""

    def run(size: int) -> float:
        images = np.repeat(image[np.newaxis], size, axis=0)
        start = time.perf_counter()
        session.run("serving_default", {"image": images})
        return time.perf_counter() - start

    times = {}
    for size in sizes:
        times[size] = []
        # The first run of a size searches for kernels.
        if run(size) > longest and run(size) > longest:
            break
    end = time.perf_counter() + seconds * len(times)
    rounds = 0
    while rounds < _FEWEST_ROUNDS or time.perf_counter() < end:
        for size, runs in times.items():
            runs.append(run(size))
        rounds += 1
    return [
        BatchTime(size, statistics.median(runs), max(runs), len(runs))
        for size, runs in times.items()
    ]


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
