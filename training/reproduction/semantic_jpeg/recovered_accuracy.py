"""Accuracy recovered under the slides' six attacks, which don't know of it."""

import statistics
from pathlib import Path

from zoo.training.evaluation.plots.bars import bar_chart
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.semantic_jpeg import adaptive
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.attack_cache import AUGMENTED
from zoo.training.reproduction.semantic_jpeg.attack_cache import CLEAN
from zoo.training.reproduction.semantic_jpeg.attack_cache import EQUAL
from zoo.training.reproduction.semantic_jpeg.attack_cache import MATCHED
from zoo.training.reproduction.semantic_jpeg.attack_cache import (
    MATCHED_AUGMENTED,
)
from zoo.training.reproduction.semantic_jpeg.attack_cache import MATCHED_MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import NONE
from zoo.training.reproduction.semantic_jpeg.attack_cache import ROUNDED
from zoo.training.reproduction.semantic_jpeg.attack_cache import SEMANTIC
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.attack_cache import plain_jpeg


def recovered_accuracy(cache: AttackCache, output: Path) -> Exhibit:
    """Measures accuracies under attacks on the bare classifier, and draws them.

    Args:
        output: Folder for the picture.
    """
    settings = cache.settings
    known = {
        name: row["worst"] for name, row in adaptive.measure(cache).items()
    }
    rows = {
        name: {
            "adaptive": known.get(name),
            "clean": cache.accuracy(name, CLEAN),
            "attacked": {
                attack: cache.accuracy(name, attack) for attack in paper.ATTACKS
            },
            "bytes": mean_bytes(cache, name),
        }
        for name in cache.defenses
    }
    for row in rows.values():
        row["mean"] = statistics.mean(row["attacked"].values())
    images = len(cache.examples.images)
    plain = plain_jpeg(settings.match_quality)
    bar_chart(
        ["clean", *paper.ATTACKS.values()],
        {
            name: [rows[name]["clean"], *rows[name]["attacked"].values()]
            for name in (NONE, plain, *MATCHED)
        },
        output / "accuracy.png",
        title="Accuracy under attacks on the bare classifier",
        images=[images] * (1 + len(paper.ATTACKS)),
    )
    means = {name: row["mean"] for name, row in rows.items()}
    return Exhibit(
        name="accuracy",
        title="Accuracy recovered, attacks made on the bare classifier",
        header=(
            *("", "**adaptive**", "clean"),
            *(paper.ATTACKS.values()),
            *("mean of six", "bytes"),
        ),
        rows=tuple(_cells(name, row) for name, row in rows.items()),
        notes=(
            "Accuracy in percent. *Adaptive*: the worst column of the "
            f"adaptive table, on {settings.attack_limit} images: what is left "
            "when the attacker knows the defense. The other columns are the "
            "paper's protocol: the images are made on the undefended "
            f"classifier and then compressed. {images} test images of "
            f"`{settings.data}`; one classified wrong without an attack counts "
            "as wrong.",
            f"FGSM and IGSM (10 steps): L∞ {settings.eps:g}. JSMA changes at "
            f"most {settings.gamma:.1%} of the values. Gradient, DeepFool, "
            "JSMA and L-BFGS stop right behind the boundary, so any change "
            "of the image undoes many of them; that is no defense. The paper "
            "gives no radii, and no accuracies but the elephant's.",
            f"*{EQUAL}*: quality {cache.equal_quality}, at which the clean "
            "images' files are as large in the mean as Aug-MSROI's. "
            f"*Matched*: the highest quality is lowered from "
            f"{settings.max_quality} until they are as large as those of "
            f"{plain}, "
            + ", ".join(f"{cache.highest_quality(n)} for {n}" for n in MATCHED)
            + ". Bytes: mean of the clean images' files, as `zoo compress` "
            "writes them, with optimised Huffman tables. Qualities "
            "are whole, so equal bytes are so within a quality.",
            f"*{ROUNDED}*: rounding alone, as in any file of a picture. What "
            "it recovers is not compression's merit.",
            *(
                verdict(
                    f"{name} recovers more than {other}, mean of six attacks",
                    means[other],
                    means[name],
                    images=images,
                )
                for name, other in (
                    (AUGMENTED, NONE),
                    (AUGMENTED, EQUAL),
                    (AUGMENTED, MSROI),
                    (MSROI, EQUAL),
                    (MATCHED_AUGMENTED, plain),
                    (MATCHED_AUGMENTED, MATCHED_MSROI),
                )
            ),
        ),
        picture="accuracy.png",
        data={
            "rows": rows,
            "equal_quality": cache.equal_quality,
            "highest_quality": {n: cache.highest_quality(n) for n in SEMANTIC},
        },
        provenance=cache.provenance(),
    )


def mean_bytes(cache: AttackCache, name: str) -> float | None:
    """Returns the mean bytes of the clean images' files, `None` without."""
    if name in SEMANTIC:
        return float(cache.sizes.of_maps(cache.quality_maps(name)).mean())
    if name in (NONE, ROUNDED):
        return None
    quality = cache.defenses[name].get_layer("compression").quality
    return float(cache.sizes.plain(quality).mean())


def _cells(name, row):
    known, size = row["adaptive"], row["bytes"]
    return (
        name,
        "–" if known is None else f"**{100 * known:.1f}**",
        f"{100 * row['clean']:.1f}",
        *(f"{100 * value:.1f}" for value in row["attacked"].values()),
        f"{100 * row['mean']:.1f}",
        "–" if size is None else f"{size:,.0f}",
    )
