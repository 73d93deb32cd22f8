"""Exports a preset to PyTorch, as Keras does under its PyTorch backend.

    KERAS_BACKEND=torch python -m benchmarks.torch_export PRESET WEIGHTS FILE

`benchmarks.formats` runs it: a process has one backend. The batch of the
program is open. So activity regularizers, which only training needs, are taken
away: Keras divides them by the batch, which fixes it. Prints `{}`, or the
reason why Keras can't export the preset.
"""

import argparse
import json
import pathlib
import re

import zoo
from zoo.inspection import all_layers

_LARGEST_BATCH = 1024
_REASON = 300
_SEEDING = "torch_seed_generator"
_DRAWS = (
    "It draws: Keras reads each seed as a number of Python's, which a program "
    "that is traced does not know."
)


def export(name: str, weights: pathlib.Path, file: pathlib.Path) -> dict:
    """Writes a `.pt2`, or returns why Keras can't, as `reason`."""
    import torch

    model = zoo.load(name, weights=weights)
    for layer in all_layers(model):
        layer.activity_regularizer = None
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    try:
        model.export(
            file, format="torch", verbose=False, dynamic_shapes={0: batch}
        )
    except RuntimeError as error:
        return {"reason": _reason(error)}
    return {}


def _reason(error: BaseException) -> str:
    """Returns the first cause's message; those around it are general."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    while error is not None:
        if _SEEDING in str(error):
            return _DRAWS
        error = error.__cause__ or error.__context__
    text = re.sub(r"\x1b\[\d*m", "", str(first))  # Keras writes in bold.
    return f"{type(first).__name__}: {' '.join(text.split())}"[:_REASON]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("weights", type=pathlib.Path)
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args()
    print(json.dumps(export(**vars(arguments))))


if __name__ == "__main__":
    main()
