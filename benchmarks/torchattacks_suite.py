"""Runs torchattacks for the benchmarks of AutoAttack.

    KERAS_BACKEND=torch python -m benchmarks.torchattacks_suite FOLDER

Reads `batch.npz` and `job.json` from the folder and writes `results.npz`:
the clean logits, and each attack's images and seconds.
"""

import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import torch
import torchattacks

import zoo

NORMS = {"linf": "Linf", "l2": "L2"}


class ChannelsFirst(torch.nn.Module):
    """Wraps a Keras model for torchattacks, which gives NCHW images."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model.requires_grad_(False)

    def forward(self, images):
        return self.model(images.permute(0, 2, 3, 1), training=False)


def attack(name: str, model: torch.nn.Module, classes: int, job: dict):
    common = {
        "norm": NORMS[job["norm"]],
        "eps": job["eps"],
        "seed": job["seed"],
    }
    if name == "autoattack":
        suite = torchattacks.AutoAttack(model, n_classes=classes, **common)
        # torchattacks' default is ten steps; AutoAttack's is a hundred.
        for own in suite._autoattack.attacks:
            if hasattr(own, "steps"):
                own.steps = job["steps"]
            else:
                own.n_queries = job["queries"]
        return suite
    steps = {**common, "steps": job["steps"]}
    if name == "apgd-ce":
        return torchattacks.APGD(model, loss="ce", **steps)
    if name == "apgd-t":
        return torchattacks.APGDT(model, n_classes=classes, **steps)
    if name == "fab-t":
        return torchattacks.FAB(
            model, multi_targeted=True, n_classes=classes, **steps
        )
    return torchattacks.Square(model, n_queries=job["queries"], **common)


def main(folder: Path) -> int:
    job = json.loads((folder / "job.json").read_text())
    with np.load(folder / "batch.npz") as batch:
        images = torch.from_numpy(batch["images"].transpose(0, 3, 1, 2).copy())
        labels = torch.from_numpy(batch["labels"].astype("int64"))
    loaded = zoo.load(job["model"])
    model = ChannelsFirst(loaded).eval()
    device = next(model.parameters()).device
    batches = list(
        zip(images.split(job["batch"]), labels.split(job["batch"]), strict=True)
    )
    with torch.no_grad():
        logits = torch.cat([model(batch.to(device)) for batch, _ in batches])
    results = {"logits": logits.cpu().numpy()}
    for name in job["attacks"]:
        run = attack(name, model, loaded.output_shape[-1], job)
        began = time.perf_counter()
        crafted = torch.cat([run(*batch).detach().cpu() for batch in batches])
        results[f"{name} seconds"] = time.perf_counter() - began
        results[name] = crafted.numpy().transpose(0, 2, 3, 1)
    np.savez(folder / "results.npz", **results)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
