"""Compares the grown presets' logits with their sources' on test images.

    python -m benchmarks.growth --output docs/results/growth.json

Both networks see the same images and, where they compress at random, the same
draws. Logits are in float32; predictions that differ are those whose two
largest logits are closer than the rounding. Finished batches stand in
`--workdir`, from which an interrupted run goes on.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np

import zoo
from benchmarks import provenance
from zoo.atomic_write import atomic_write
from zoo.inspection import stochastic_layers
from zoo.training import datasets

BATCH = 250


def compare(name: str, images, workdir: Path) -> dict:
    """Returns the largest difference of two networks' logits.

    Args:
        name: A grown preset.
        images: Batches of pixels.
    """
    source = zoo.presets.get(name).weights.grown_from
    models = [zoo.load(one) for one in (name, source)]
    done, seconds = [], 0.0
    for index, batch in enumerate(images):
        path = workdir / f"{name}.{index}.json"
        if not path.exists():
            began = time.monotonic()
            grown, own = (_logits(model, batch, index) for model in models)
            result = {
                "images": len(batch),
                "difference": float(np.abs(grown - own).max()),
                "largest_logit": float(np.abs(own).max()),
                "same": int((grown.argmax(1) == own.argmax(1)).sum()),
                "seconds": time.monotonic() - began,
            }
            with atomic_write(path) as temporary:
                temporary.write_bytes(json.dumps(result).encode())
        done.append(json.loads(path.read_text()))
        seconds += done[-1]["seconds"]
        print(f"{name}: {sum(d['images'] for d in done)} images", flush=True)
    return {
        "source": source,
        "images": sum(one["images"] for one in done),
        "largest_difference": max(one["difference"] for one in done),
        "largest_logit": max(one["largest_logit"] for one in done),
        "same_predictions": sum(one["same"] for one in done),
        "seconds": round(seconds),
    }


def _logits(model, images, index: int) -> np.ndarray:
    """Draws what any model draws for batch `index`."""
    for layer in stochastic_layers(model):
        layer.seed_generator.state.assign(np.array([0, index], "uint32"))
    return keras.ops.convert_to_numpy(model(images, training=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="fashion_mnist")
    parser.add_argument("--split", default="test")
    parser.add_argument("--models", nargs="+", default=["irm_wrn28_10"])
    parser.add_argument("--workdir", type=Path, default=Path("runs/growth"))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    options.workdir.mkdir(parents=True, exist_ok=True)
    images = datasets.load(options.data, options.split).batch(BATCH)
    results = {
        name: compare(name, (x.numpy() for x, _ in images), options.workdir)
        for name in options.models
    }
    print(json.dumps(results, indent=2))
    if options.output:
        provenance.write(options.output, results)


if __name__ == "__main__":
    main()
