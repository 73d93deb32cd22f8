"""The slides' elephant, before and after compression."""

from pathlib import Path

import numpy as np

import zoo
from zoo.atomic_write import atomic_write
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.plots.image_grid import ImageGrid
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.attack_cache import CLEAN
from zoo.training.reproduction.semantic_jpeg.attack_cache import (
    MATCHED_AUGMENTED,
)
from zoo.training.reproduction.semantic_jpeg.attack_cache import MATCHED_MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import NONE
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.attack_cache import plain_jpeg
from zoo.training.reproduction.semantic_jpeg.image_quality import compressing

_CLASS = "elephant"
_ATTACK = "bim"
_RIGHT, _WRONG = "#1a7f37", "#cf222e"


def elephant(cache: AttackCache, output: Path) -> Exhibit:
    """Draws attacked elephants and says what the classifier takes them for.

    Args:
        output: Folder for the picture.
    """
    columns = _columns(plain_jpeg(cache.settings.match_quality))
    classes = zoo.info(paper.CLASSIFIER).classes
    label = classes.index(_CLASS)
    chosen = _chosen(cache, label)
    told = {
        title: [_told(cache, *column[:2], image, classes) for image in chosen]
        for title, column in columns.items()
    }
    if len(chosen):
        _draw(cache, chosen, columns, told, output / "elephant.png")
    rows = []
    for title, (*_, printed) in columns.items():
        theirs = "–"
        if printed:
            name, confidence = paper.ELEPHANT[printed]
            theirs = f"{name} {confidence:.1%}"
        ours = [
            f"{one['class']} {one['confidence']:.1%}" for one in told[title]
        ]
        rows.append((title, theirs, *ours))
    count = int((cache.examples.labels == label).sum())
    return Exhibit(
        name="elephant",
        title="The elephant: original, adversarial, compressed",
        header=(
            *("", "in the slides"),
            *(f"elephant {index + 1}" for index in range(len(chosen))),
        ),
        rows=tuple(rows),
        notes=(
            f"The first {len(chosen)} of the {count} elephants among the test "
            "images, chosen before looking at the results: the classifier "
            "takes them for elephants, IGSM fools it on them, and the "
            "photograph behind isn't ImageNet's. The class of the largest "
            "probability, and that probability; behind Aug-MSROI the mean of "
            f"{cache.settings.draws} predictions. The slides' elephant is a "
            "photograph of ImageNet in a classifier of 1,000 classes, ours is "
            "cut out and laid over a photograph, in one of "
            f"{len(classes)}.",
            "Pictures: the elephant is Tux Paint's (GPL-2); behind him are "
            + ", ".join(sorted({*cache.examples.backgrounds[chosen]}))
            + " of Debian's mate-backgrounds, plasma-workspace-wallpapers and "
            "lomiri-wallpapers-20.04, by their licences.",
        ),
        picture="elephant.png" if len(chosen) else None,
        data={"images": chosen.tolist(), "told": told},
        provenance=cache.provenance(),
    )


def _columns(plain):
    """Returns each column's defense, attack, and picture of the slides."""
    return {
        "original": (NONE, CLEAN, "original"),
        "adversarial": (NONE, _ATTACK, "adversarial"),
        plain: (plain, _ATTACK, "JPEG"),
        MATCHED_MSROI: (MATCHED_MSROI, _ATTACK, None),
        MATCHED_AUGMENTED: (MATCHED_AUGMENTED, _ATTACK, "Aug-MSROI"),
    }


def _chosen(cache, label):
    """Returns the places of the elephants among the test images."""
    right, fooled = (
        cache.probabilities(NONE, attack)[0].argmax(-1) == label
        for attack in (CLEAN, _ATTACK)
    )
    examples = cache.examples
    # The licence of ImageNet's photographs is unclear.
    shown = ~np.char.startswith(examples.backgrounds, "imagenet_")
    shown &= (examples.labels == label) & right & ~fooled
    return np.flatnonzero(shown)[: cache.settings.elephants]


def _told(cache, defense, attack, image, classes):
    probabilities = cache.probabilities(defense, attack)[:, image].mean(0)
    best = int(probabilities.argmax())
    return {
        "class": classes[best],
        "confidence": float(probabilities[best]),
        "elephant": float(probabilities[classes.index(_CLASS)]),
    }


def _verdict(told):
    return f"{told['class']} {told['confidence']:.1%}"


def _draw(cache, chosen, columns, told, path):
    grid = ImageGrid(
        len(columns),
        [3] * len(chosen),
        title="IGSM on the bare classifier, then compression",
        dpi=144,
    )
    for column, (title, (defense, attack, _)) in enumerate(columns.items()):
        shown = cache.attacked(attack)[chosen]
        if defense != NONE:
            model = compressing(cache.defenses[defense])
            shown = cache.run(model, shown, f"{defense} {attack} 0")
        for row, one in enumerate(told[title]):
            color = _RIGHT if one["class"] == _CLASS else _WRONG
            grid.image(row, column, np.clip(shown[row], 0, 1), color)
            grid.caption(
                row,
                column,
                [
                    (title, FAINT),
                    (_verdict(one), color),
                    (f"elephant {one['elephant']:.1%}", INK),
                ],
            )
    for row in range(len(chosen)):
        grid.label(row, f"elephant {row + 1}")
    with atomic_write(path) as temporary:
        grid.write_png(temporary)
