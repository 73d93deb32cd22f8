"""Photographs of ImageNet, for what needs no label."""

import importlib.util
from pathlib import Path

import numpy as np

from zoo.inspection import explanation
from zoo.pictures import read_picture
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.semantic_jpeg.attack_cache import AUGMENTED
from zoo.training.reproduction.semantic_jpeg.attack_cache import EQUAL
from zoo.training.reproduction.semantic_jpeg.attack_cache import MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.file_sizes import FileSizes
from zoo.training.reproduction.semantic_jpeg.image_quality import compressing
from zoo.training.reproduction.semantic_jpeg.image_quality import psnr
from zoo.training.reproduction.semantic_jpeg.maps import correlation
from zoo.training.reproduction.semantic_jpeg.maps import mean_and_error
from zoo.training.reproduction.semantic_jpeg.maps import shown

_ATTACKS = {"fgsm": "FGSM", "bim": "IGSM"}


def photographs() -> list[Path]:
    """Returns where Foolbox keeps its 20 photographs of ImageNet.

    Raises:
        ImportError: If Foolbox isn't installed.
    """
    found = importlib.util.find_spec("foolbox")
    folders = found.submodule_search_locations if found else []
    paths = [
        path
        for folder in folders
        for path in sorted(Path(folder, "data").glob("imagenet_*.jpg"))
    ]
    if not paths:
        raise ImportError(
            "The photographs of ImageNet are Foolbox's: pip install foolbox, "
            "or leave the exhibit `imagenet` out. Received: no foolbox"
        )
    return paths


def imagenet(cache: AttackCache) -> Exhibit:
    """Measures maps, bytes and PSNR on photographs of other classes."""
    shape = cache.classifier.input_shape[1:]
    pictures = [read_picture(path, shape) for path in photographs()]
    images = np.stack(pictures).astype("float32") / 255
    sizes = FileSizes(images)
    rows = {}
    for name in (EQUAL, MSROI, AUGMENTED):
        model = cache.defenses[name]
        pixels = cache.run(compressing(model), images, f"imagenet {name}")
        row = {
            "psnr": psnr(((images - pixels) ** 2).mean((1, 2, 3))),
            "correlation": {},
        }
        explain = explanation(model)
        if explain is None:
            row["bytes"] = float(sizes.plain(cache.equal_quality).mean())
        else:
            seen = cache.run(explain, images, f"imagenet {name}")
            row["bytes"] = float(sizes.of_maps(seen["quality"]).mean())
            for attack in _ATTACKS:
                attacked = cache.attacked(attack, images=images)
                moved = cache.run(explain, attacked, f"imagenet {name} again")
                row["correlation"][attack] = mean_and_error(
                    correlation(one, other)
                    for one, other in zip(
                        seen["saliency"], moved["saliency"], strict=True
                    )
                )
        rows[name] = row
    return Exhibit(
        name="imagenet",
        title="Photographs of ImageNet: bytes, PSNR, stability of the map",
        header=(
            *("", "bytes", "PSNR"),
            *(f"correlation, {title}" for title in _ATTACKS.values()),
        ),
        rows=tuple(
            (
                name,
                f"{row['bytes']:,.0f}",
                f"{row['psnr']:.1f}",
                *(shown(row["correlation"].get(a)) for a in _ATTACKS),
            )
            for name, row in rows.items()
        ),
        notes=(
            f"The {len(images)} photographs of ImageNet in Foolbox's wheel, "
            f"resized to {shape[1]}x{shape[0]} pixels. They show other things "
            "than the networks' classes, and some of the training's "
            "backgrounds are among them, so nothing here is an accuracy. "
            "*Correlation*: Pearson's, of the maps of the clean and the "
            "attacked photograph, mean and 1.96 standard errors; the attack "
            "moves the classifier from its own verdict. Two maps of Aug-MSROI "
            "differ by their noise, too.",
        ),
        data={"rows": rows},
        provenance=cache.provenance(),
    )
