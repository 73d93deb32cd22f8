"""Figure 5: adversarial images, and what the network believes it saw."""

from pathlib import Path

import numpy as np

from zoo.atomic_write import atomic_write
from zoo.inspection import explanation
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.plots.image_grid import ImageGrid
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.minds_eye import paper
from zoo.training.reproduction.minds_eye.networks import Networks

COLUMNS = 8
TARGET = 0
"""The monkey."""

_ROWS = ("original", "adversarial", "what it sees")


def figure_5(networks: Networks, output: Path) -> Exhibit:
    """Draws figure 5: images taken for a monkey, ordered by distortion.

    Args:
        output: Folder for the picture.
    """
    threshold = max(paper.THRESHOLDS)
    shown = {}
    if networks.model(paper.POSE) is not None:
        found = networks.false_positives(paper.POSE, (None,))
        shown[paper.POSE, None] = _spread(found[None])
    if networks.model(paper.TRIPLE) is not None:
        found = networks.false_positives(paper.TRIPLE, paper.THRESHOLDS)
        shown[paper.TRIPLE, threshold] = _spread(found[threshold])
    _draw(networks, shown, output / "fig5.png")
    rows, data = [], {}
    for (name, theta), images in shown.items():
        label = name if theta is None else f"{name}, Θ = {theta:g}"
        rows.append(
            (
                label,
                str(len(images)),
                ", ".join(f"{one['distortion']:.3f}" for one in images),
                ", ".join(str(one["steps"]) for one in images),
            )
        )
        data[label] = [
            {key: one[key] for key in ("distortion", "steps", "label")}
            for one in images
        ]
    return Exhibit(
        name="fig5",
        title="Figure 5: images that are taken for a monkey",
        header=("network", "images", "distortion", "steps"),
        rows=tuple(rows),
        notes=(
            "Of the images of figure 4 that flipped to the monkey, every "
            "network's are ordered by distortion, and as many are shown at "
            "even distances from the least to the most. Below each is how far "
            "it was changed (d) and in how many steps (n).",
            "Last row: the original with the monkey that the triple-staged "
            "network draws for the adversarial image, blended by the alpha "
            "that it draws. The paper renders it with Blender, in the "
            "estimated pose.",
        ),
        picture="fig5.png",
        data=data,
        provenance=networks.provenance(*(name for name, _ in shown)),
    )


def _spread(flips):
    """Returns some that flipped to the target, from least to most changed."""
    chosen = np.flatnonzero(flips.flipped & (flips.targets == TARGET))
    chosen = chosen[np.argsort(flips.distortion[chosen], kind="stable")]
    count = min(COLUMNS, len(chosen))
    places = np.linspace(0, len(chosen) - 1, count).round().astype(int)
    return [
        {
            "original": flips.originals[index],
            "adversarial": flips.images[index],
            "distortion": float(flips.distortion[index]),
            "steps": int(flips.steps[index]),
            "label": int(flips.labels[index]),
        }
        for index in chosen[places]
    ]


def _draw(networks, shown, path):
    lines, titles = [], []
    for name, theta in shown:
        rows = _ROWS if theta is not None else _ROWS[:2]
        lines += [0] * (len(rows) - 1) + [2]
        titles += [(name, theta, row) for row in rows]
    grid = ImageGrid(
        max(1, *map(len, shown.values())),
        lines,
        title="Taken for a monkey, from the least to the most changed",
        dpi=100,
    )
    for place, (name, theta, row) in enumerate(titles):
        images = shown[name, theta]
        detail = "direct + pose" if theta is None else f"triple, Θ = {theta:g}"
        grid.label(place, row, detail)
        if row == _ROWS[-1]:
            pictures = _believed(networks.model(name), images)
        else:
            pictures = [one[row] / 255 for one in images]
        for column, picture in enumerate(pictures):
            grid.image(place, column, picture)
        if lines[place]:
            for column, one in enumerate(images):
                grid.caption(
                    place,
                    column,
                    [
                        (f"d = {one['distortion']:.3f}", INK),
                        (f"n = {one['steps']}", FAINT),
                    ],
                )
    with atomic_write(path) as temporary:
        grid.write_png(temporary)


def _believed(model, images):
    """Blends the originals with what the network draws of the target."""
    if not images:
        return []
    adversarial = np.stack([one["adversarial"] for one in images]) / 255
    drawn = explanation(model).predict(adversarial, verbose=0)
    projection = drawn["projection"][:, TARGET, ..., None]
    alpha = drawn["alpha"][:, TARGET, ..., None]
    originals = np.stack([one["original"] for one in images]) / 255
    return list(np.clip(originals * (1 - alpha) + projection, 0, 1))
