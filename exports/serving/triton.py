"""Serves an export in NVIDIA's Triton, which pip installs: no Docker.

    python -m zoo.exports.serving.triton served/irm_wrn16_2 --max-batch 32

The package `nvidia-pytriton` carries Triton's own binary. Triton receives
the requests, by REST and gRPC in KServe's v2 protocol, merges them into
batches and measures itself; TensorFlow's C++ loader runs them in this process.
"""

import argparse
import contextlib
import importlib.util
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zoo.exports.c_api import SavedModelSession
from zoo.exports.serving.shared_draws import shares_draws
from zoo.saved_model_folder import newest_version

_PACKAGES = 'pip install "nvidia-pytriton>=0.7"'
_STARTS = 5
"""The package lets a model's second instance wait one second for the first,
which takes longer on a busy machine."""
_SUFFIXES = {
    "serving_default": "",
    "serving_bytes": "_bytes",
    "explain": "_explain",
    "seeded": "_seeded",
}
"""Of the models' names, by signature."""


@contextlib.contextmanager
def triton(
    path: str | os.PathLike,
    *,
    name: str | None = None,
    address: str = "127.0.0.1",
    http_port: int = 8000,
    grpc_port: int = 8001,
    metrics_port: int = 8002,
    max_batch: int = 64,
    merge: bool = True,
    delay_micros: int = 1000,
    instances: int = 2,
) -> Iterator[dict[str, str]]:
    """Serves an export while the block runs.

    Triton has a model for each signature, of the export's version. `NAME`
    takes `image`, pixels, and merges the requests of several callers into one
    batch. `NAME_bytes` takes `image_bytes`, picture files, and merges none: an
    undecodable picture fails its batch, which is then its sender's alone.
    `NAME_explain` and `NAME_seeded` are the export's `explain` and `seeded`,
    if it has them.

    Args:
        path: The export's folder, or that of one of its versions.
        name: The model's; the folder's name by default.
        address: Where to listen; `"0.0.0.0"` for all networks.
        http_port: Of REST.
        grpc_port: Of gRPC.
        metrics_port: Of Prometheus' metrics, at `/metrics`.
        max_batch: Images that a request, and a merged batch, may have.
        merge: Whether requests are merged at all.
        delay_micros: How long a request waits at most for others.
        instances: Batches that run at once.

    Yields:
        The models' addresses for `Client`, by scheme.

    Where Python isn't the system's, Triton finds its library by the variable
    `LD_LIBRARY_PATH`: `python -c "import sysconfig;
    print(sysconfig.get_config_var('LIBDIR'))"` prints the folder.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ImportError: If `nvidia-pytriton` isn't installed.
    """
    if importlib.util.find_spec("pytriton") is None:
        raise ImportError(f"Triton needs its package: {_PACKAGES}")
    from pytriton.triton import Triton
    from pytriton.triton import TritonConfig

    version = newest_version(Path(path).absolute())
    numbered = version.name.isdecimal()
    number = int(version.name) if numbered else 1
    if name is None:
        name = (version.parent if numbered else version).name
    config = TritonConfig(
        http_address=address,
        http_port=http_port,
        grpc_address=address,
        grpc_port=grpc_port,
        metrics_port=metrics_port,
        exit_timeout_secs=10,
    )
    with (
        SavedModelSession(version) as session,
        contextlib.ExitStack() as stack,
    ):
        if merge and shares_draws(session):
            merge = False
            warnings.warn(
                f"Requests to {name} are not merged: images of one call share "
                "the model's random draws",
                stacklevel=3,
            )
        delay = delay_micros if merge else None
        for left in reversed(range(_STARTS)):
            server = stack.enter_context(Triton(config=config))
            try:
                _bind(
                    server, session, name, number, max_batch, delay, instances
                )
                break
            except Exception:  # Of the package, its client or its sockets.
                stack.close()
                if not left:
                    raise
        server.run()
        yield {
            "http": f"http://{address}:{http_port}/v2/models/{name}",
            "grpc": f"grpc://{address}:{grpc_port}/v2/models/{name}",
        }


def _bind(server, session, name, version, max_batch, delay, instances) -> None:
    """Gives Triton a model for each signature of an export."""
    from pytriton.model_config import DynamicBatcher
    from pytriton.model_config import ModelConfig

    for signature, suffix in _SUFFIXES.items():
        if signature not in session.signatures:
            continue
        sides = session.signatures[signature]
        batcher = None
        if delay is not None and signature != "serving_bytes":
            batcher = DynamicBatcher(max_queue_delay_microseconds=delay)
        server.bind(
            model_name=f"{name}{suffix}",
            model_version=version,
            infer_func=[_inference(session, signature)] * instances,
            inputs=_tensors(sides["inputs"]),
            outputs=_tensors(sides["outputs"]),
            config=ModelConfig(max_batch_size=max_batch, batcher=batcher),
            strict=True,
        )


def _inference(session: SavedModelSession, signature: str):
    from pytriton.decorators import batch

    specs = session.signatures[signature]["inputs"]

    @batch
    def infer(**inputs):
        for key, value in inputs.items():
            if specs[key].shape.rank == 1:  # Triton's scalars are rows.
                value = value[:, 0]
            if value.dtype.kind in "OS":
                files = np.empty(len(value), object)
                files[:] = [bytes(one) for one in value]
                value = files
            inputs[key] = value
        outputs = session.run(signature, inputs)
        return {
            name: output[:, np.newaxis] if output.ndim == 1 else output
            for name, output in outputs.items()
        }

    return infer


def _tensors(specs) -> list:
    """Describes inputs or outputs without their batch; scalars are rows."""
    from pytriton.model_config import Tensor

    return [
        Tensor(
            name=name,
            dtype=bytes
            if spec.dtype.name == "string"
            else spec.dtype.as_numpy_dtype,
            shape=tuple(
                -1 if size is None else size
                for size in spec.shape.as_list()[1:] or [1]
            ),
        )
        for name, spec in specs.items()
    ]


def main() -> None:
    """Serves until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.exports.serving.triton",
        description="Serves an export in Triton.",
    )
    parser.add_argument("path", metavar="DIR", help="an export's folder")
    parser.add_argument("--name", help="the model's (default: the folder's)")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=8000)
    parser.add_argument("--grpc-port", type=int, default=8001)
    parser.add_argument("--metrics-port", type=int, default=8002)
    parser.add_argument("--max-batch", type=int, default=64)
    parser.add_argument("--delay-micros", type=int, default=1000)
    parser.add_argument("--instances", type=int, default=2)
    parser.add_argument("--no-merging", dest="merge", action="store_false")
    options = vars(parser.parse_args())
    with triton(options.pop("path"), **options) as addresses:
        print(*addresses.values(), sep="\n", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
