"""Saves a model's weights to `.weights.h5` files, and loads them."""

import json
import math
import os
import tempfile
import textwrap
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.regular_files import read_json
from zoo.weights.declared import NoNumbersError
from zoo.weights.declared import declared_arrays
from zoo.weights.manifest import SUFFIXES
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights
from zoo.weights.manifest import add_to_manifest
from zoo.weights.manifest import is_lfs_pointer

if TYPE_CHECKING:
    import keras

_ITEM_SIZE = {"float16": 2, "float32": 4}
_UNSUSPECTED = 2**24
"""Numbers in an array that Keras may read and find to be of another shape."""


def save_weights(
    model: "keras.Model",
    path: str | os.PathLike,
    *,
    dtype: str = "float16",
    max_shard_size: int | None = 40_000_000,
    manifest: str | os.PathLike | None = None,
    licence: str | None = None,
) -> Weights:
    """Writes a model's weights, and nothing else, in half precision.

    The optimizer and random states are left out: a randomised defense would
    be predictable if its file fixed its randomness. Above `max_shard_size`
    the weights go to `<name>_00000.weights.h5`, ..., and `<name>.weights.json`
    is their index. Files appear only when complete, the index last.

    Args:
        model: Built model with float32 variables.
        path: Ends in `.weights.h5`; its folder is made if needed.
        dtype: `"float16"` or `"float32"`, the type of the stored numbers.
        max_shard_size: Largest number of bytes in a file, unless one variable
            alone is larger; `None` for one file of any size.
        manifest: JSON file that gets an entry for the written files, under
            `path`'s name without its suffix. `zoo/presets/weights.json`
            publishes them as the weights of the preset of that name.
        licence: SPDX identifier of the weights' licence, for the manifest.
            Default: that of the present entry.

    Returns:
        Names, hashes and sizes of the files written.

    Raises:
        ValueError: If an argument breaks its rule, or a weight is not finite
            or too large for `dtype`.
    """
    import keras

    path = Path(path)
    if not path.name.endswith(".weights.h5"):
        raise ValueError(
            f"`path` must end in `.weights.h5`. Received: path={str(path)!r}"
        )
    if dtype not in _ITEM_SIZE:
        raise ValueError(
            f"`dtype` must be one of {', '.join(map(repr, _ITEM_SIZE))}. "
            f"Received: dtype={dtype!r}"
        )
    if max_shard_size is not None and max_shard_size <= 0:
        raise ValueError(
            "`max_shard_size` must be bytes above 0. "
            f"Received: max_shard_size={max_shard_size}"
        )
    _check_values(model, dtype)
    preset = path.name.removesuffix(".weights.h5")
    sizes = [math.prod(w.shape) * _ITEM_SIZE[dtype] for w in model.weights]
    options = {}
    if max_shard_size is not None and sum(sizes) > max_shard_size:
        # Keras counts gibibytes of float32, plus a byte against rounding.
        scale = _ITEM_SIZE["float32"] / _ITEM_SIZE[dtype]
        limit = max(max_shard_size, *sizes) * scale + 1
        options["max_shard_size"] = limit / 1024**3
        path = path.with_name(f"{path.name.removesuffix('.h5')}.json")
    optimizer = getattr(model, "optimizer", None)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
        full, final = Path(scratch, "full"), Path(scratch, "final")
        full.mkdir()
        final.mkdir()
        keras.saving.save_weights(
            model,
            full / path.name,
            objects_to_skip=[optimizer] if optimizer else [],
            **options,
        )
        for source in full.glob("*.h5"):
            _convert(source, final / source.name, dtype)
        for source in full.glob("*.json"):
            index = json.loads(source.read_text())
            index["metadata"]["total_size"] = sum(sizes)
            (final / source.name).write_text(json.dumps(index, indent=2))
        shards = {file.name for file in final.iterdir()} - {path.name}
        names = (path.name, *sorted(shards))
        for name in reversed(names):
            os.replace(final / name, path.with_name(name))
    weights = Weights(
        tuple(WeightFile.from_path(path.with_name(n)) for n in names),
        licence=licence,
    )
    if manifest is not None:
        add_to_manifest(Path(manifest), preset, weights)
    return weights


def load_weights(
    model: "keras.Model",
    path: str | os.PathLike,
    *,
    skip: Iterable["keras.Layer"] = (),
) -> None:
    """Reads weights into a model, which must have exactly these weights.

    Half precision is widened to the type of the model's variables. The
    model's random states stay as they are.

    Args:
        model: Built model.
        path: `.weights.h5` file or `.weights.json` index with its shards.
        skip: Layers of the model that keep their weights.

    Raises:
        FileNotFoundError: If the file or one of its shards is missing.
        ValueError: If the file is damaged, of another model or of complex
            numbers. The model's weights may then be partly replaced.
    """
    import keras

    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise ValueError(
            f"`path` must end in {' or '.join(SUFFIXES)}. "
            f"Received: path={str(path)!r}"
        )
    _check_declared(model, path)
    with warnings.catch_warnings(record=True) as partial:
        # Keras only warns of a list of layers that the file lacks.
        warnings.simplefilter("ignore")
        warnings.filterwarnings("always", "Skipping nested container")
        try:
            keras.saving.load_weights(model, path, objects_to_skip=list(skip))
        except (KeyError, OSError, RuntimeError) as error:
            raise _damaged(path) from error
        except ValueError as error:
            raise _misfit(model, path, error) from error
    if partial:
        raise _misfit(model, path, partial[0].message)


def _check_values(model: "keras.Model", dtype: str) -> None:
    import numpy as np

    for variable, values in zip(
        model.weights, model.get_weights(), strict=True
    ):
        if variable.dtype != "float32":
            raise ValueError(
                "Variables must be float32. Received: "
                f"{variable.path} of {variable.dtype}"
            )
        with np.errstate(over="ignore"):
            stored = values.astype(dtype)
        if not np.isfinite(stored).all():
            raise ValueError(
                f"Weights must be finite and within {dtype}'s range, "
                f"{np.finfo(dtype).max:g}. Received: {variable.path} with "
                "values that are not"
            )


def _convert(source: Path, target: Path, dtype: str) -> None:
    """Copies an HDF5 file, its numbers as `dtype`."""
    import h5py

    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name: str, item: "h5py.Group | h5py.Dataset") -> None:
            if isinstance(item, h5py.Dataset):
                new[name] = item[()].astype(dtype)
            else:
                new.create_group(name)
            new[name].attrs.update(item.attrs)

        old.visititems(copy)


def _check_declared(model: "keras.Model", path: Path) -> None:
    """Refuses files of another number of variables, or of enormous ones."""
    largest = max((math.prod(w.shape) for w in model.weights), default=0)
    stored, expected = 0, len(model.weights)
    for file in _shards(path):
        _check_exists(file)
        try:
            declared = declared_arrays(file, f"path={str(file)!r}")
        except NoNumbersError:
            raise
        except ValueError as error:
            raise _damaged(file) from error
        stored += len(declared)
        for name, array in declared.items():
            if array.size > max(largest, _UNSUSPECTED):
                raise ValueError(
                    f"The file must fit `{model.name}`, whose largest variable "
                    f"has {largest:,} numbers. Received: {name!r:.80} of "
                    f"{array.size:,} in path={str(file)!r}"
                )
    if stored != expected:
        raise ValueError(
            f"The file must hold the {expected} variables of `{model.name}`. "
            f"Received: {stored} variables in path={str(path)!r}"
        )


def _shards(path: Path) -> set[Path]:
    _check_exists(path)
    if path.suffix == ".h5":
        return {path}
    try:
        places = read_json(path, dict)["weight_map"].values()
        groups = [[p] if isinstance(p, str) else p for p in places]
        return {path.with_name(name) for group in groups for name in group}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(path) from error


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(
            f"There must be a weight file. Received: path={str(path)!r}"
        )


def _damaged(path: Path) -> ValueError:
    if is_lfs_pointer(path):
        return ValueError(
            "The file is only a Git LFS pointer; run `git lfs pull`. "
            f"Received: path={str(path)!r}"
        )
    return ValueError(
        "The weight file must be complete and readable; this one is damaged "
        f"or of another format. Received: path={str(path)!r}"
    )


def _misfit(model: "keras.Model", path: Path, reason: Exception) -> ValueError:
    """Keras' report cut down to the first failing layer, on one line."""
    parts = str(reason).split("\n\n")
    first = textwrap.shorten(parts[1 if len(parts) > 1 else 0], 250)
    return ValueError(
        f"The file must fit `{model.name}`: {first} "
        f"Received: path={str(path)!r}"
    )
