"""Times a served classifier under concurrent callers, by Triton.

    python -m benchmarks.serving --output docs/results/benchmarks/serving.json

Needs `nvidia-pytriton`. Two servers of one export run on this machine, one
that merges callers' requests into batches and one that doesn't. Each caller
sends one image by gRPC, waits for the answer and sends the next. The servers
take turns, so that other load on the machine falls on both alike.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import zoo
from benchmarks import provenance
from zoo import exports
from zoo.exports.serving import Client
from zoo.training import datasets

CALLERS = (1, 4, 16)
_START_SECONDS = 300


@contextlib.contextmanager
def serving(folder: Path, name: str, *options: str) -> Iterator[str]:
    """Serves an export in a process of its own; yields its address."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        http, rpc, metrics = (str(one.getsockname()[1]) for one in sockets)
    command = [sys.executable, "-m", "zoo.exports.serving.triton", str(folder)]
    command += ["--http-port", http, "--grpc-port", rpc]
    command += ["--metrics-port", metrics, "--name", name, *options]
    libraries = sysconfig.get_config_var("LIBDIR")
    log = folder.with_name(f"{name}.{rpc}.log")
    with open(log, "wb") as sink:
        process = subprocess.Popen(
            command,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"grpc://127.0.0.1:{rpc}/v2/models/{name}"
        end = time.monotonic() + _START_SECONDS
        # It prints its addresses once all models answer.
        while url not in (told := log.read_text(errors="replace")):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(
                    f"Triton must start. Received: {told[-2000:]}"
                )
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait()


def load(
    url: str, images: np.ndarray, callers: int, seconds: float
) -> list[float]:
    """Returns the seconds of each answer to callers who ask in a loop."""

    def ask(caller: int) -> list[float]:
        times = []
        place = caller
        while (start := time.perf_counter()) < end:
            client.predict(images[place % len(images)][np.newaxis])
            times.append(time.perf_counter() - start)
            place += callers
        return times

    with Client(url) as client, ThreadPoolExecutor(callers) as threads:
        client.predict(images[:1])
        end = time.perf_counter() + seconds
        return sum(threads.map(ask, range(callers)), [])


def measure(
    servers: dict[str, str], images: np.ndarray, seconds: float, rounds: int
) -> list[dict]:
    """Returns a row for each server and number of callers."""
    rows = []
    for callers in CALLERS:
        times = {name: [] for name in servers}
        for _ in range(rounds):
            for name, url in servers.items():
                times[name] += load(url, images, callers, seconds)
        for name, taken in times.items():
            p50, p99 = np.percentile(taken, [50, 99])
            rows.append(
                {
                    "batching": name,
                    "callers": callers,
                    "answers": len(taken),
                    "images_per_second": len(taken) / (seconds * rounds),
                    "p50_ms": 1e3 * float(p50),
                    "p99_ms": 1e3 * float(p99),
                }
            )
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """Draws throughput, and median and slowest latency, over the callers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    colours = {"with batching": "#0969da", "without batching": "#8c959f"}
    for name, colour in colours.items():
        group = [row for row in rows if row["batching"] == name]
        callers = [row["callers"] for row in group]
        left.plot(
            callers,
            [row["images_per_second"] for row in group],
            marker="o",
            color=colour,
            label=name,
        )
        for key, style in (("p50_ms", "-"), ("p99_ms", ":")):
            right.plot(
                callers,
                [row[key] for row in group],
                style,
                marker="o",
                color=colour,
                label=f"{key[:3]}, {name}",
            )
    left.set_title("images a second", loc="left")
    right.set_title("milliseconds to the answer", loc="left")
    right.set_yscale("log")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(CALLERS, map(str, CALLERS))
        axes.set_xlabel("concurrent callers")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    left.set_ylim(bottom=0)
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="irm_wrn16_2")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    data = datasets.load("fashion_mnist_sample", batch_size=64)
    images = np.asarray(next(iter(data))[0])
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory, options.model)
        exports.save(zoo.load(options.model), folder)
        with (
            serving(folder, options.model) as merging,
            serving(folder, options.model, "--no-merging") as apart,
        ):
            rows = measure(
                {"with batching": merging, "without batching": apart},
                images,
                options.seconds,
                options.rounds,
            )
    table = Table("batching", "callers", "images/s", "p50 ms", "p99 ms")
    for row in rows:
        table.add_row(
            row["batching"],
            str(row["callers"]),
            f"{row['images_per_second']:.0f}",
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
        )
    Console().print(table)
    if options.output:
        provenance.write(
            options.output,
            {"benchmark": "serving", "model": options.model, "rows": rows},
        )
        draw(rows, options.output.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
