"""Writes a benchmark's results, with what they were measured on."""

import datetime
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow as tf

from zoo.atomic_write import atomic_write
from zoo.training.evaluation import provenance

_PEERS = (
    "adversarial-robustness-toolbox",
    "cleverhans",
    "foolbox",
    "jpeglib",
    "kornia",
    "nvidia-pytriton",
    "pillow",
    "torch",
    "torchattacks",
)
"""Packages that benchmarks compare with, if installed."""

_ENVIRONMENT = (
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_NUM_INTEROP_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
"""Environment variables that change times."""


def write(path: str | os.PathLike, results: Any) -> None:
    """Writes results as JSON, with their provenance.

    The file holds `provenance`, then the results: under their own keys if
    they are a mapping, else as `rows`.

    Args:
        path: File to replace; its folder is made if missing.
        results: Values that JSON can hold.

    Raises:
        OSError: If the file cannot be written.
    """
    if not isinstance(results, Mapping):
        results = {"rows": results}
    text = json.dumps({"provenance": collect(), **results}, indent=2)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def collect() -> dict[str, Any]:
    """Returns command, commit, date, versions, CPU and threads.

    `threads` holds what TensorFlow was told to use; 0 means that TensorFlow
    or the environment decides.
    """
    now = datetime.datetime.now(datetime.UTC)
    return {
        "command": _command(),
        "commit": provenance.commit(),
        "date": now.isoformat(timespec="seconds"),
        "versions": {**provenance.versions(), **_peers()},
        "cpu": _cpu(),
        "cpus": _cpus(),
        "threads": {
            "intra_op": tf.config.threading.get_intra_op_parallelism_threads(),
            "inter_op": tf.config.threading.get_inter_op_parallelism_threads(),
        },
        "environment": {
            name: os.environ[name]
            for name in _ENVIRONMENT
            if name in os.environ
        },
        "gpus": [
            tf.config.experimental.get_device_details(gpu).get("device_name")
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def _command() -> str:
    """Returns the command line, without the interpreter's path."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def _peers() -> dict[str, str]:
    versions = {}
    for name in _PEERS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _cpus() -> int | None:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _cpu() -> str:
    """Returns the processor's model from Linux, else its architecture."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
