"""A picture of what an attack does to several models."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from training.evaluation import metrics
from training.evaluation.panel import Panel
from training.evaluation.replacing import replacing
from training.evaluation.sheet import Sheet

_INK = "#1f2328"
_RIGHT = "#1a7f37"
_WRONG = "#cf222e"
_LONGEST_NAME = 13


def picture(
    images: ArrayLike,
    labels: ArrayLike,
    panels: Sequence[Panel],
    class_names: Sequence[str],
    path: str | os.PathLike,
    *,
    title: str = "",
    dpi: int = 144,
) -> None:
    """Draws originals, and each model's adversarial images and changes.

    A column an image; for each model a row of the images made against it,
    each with the class the model then sees and its confidence, and a row of
    the magnified changes, all on one scale. Right answers are green and
    marked ✓, wrong ones red and marked ✗.

    Args:
        images: Originals, NHWC in [0, 1], grey or colour.
        labels: True classes.
        panels: What each model makes of the images.
        class_names: One name a class.
        path: PNG file to write.
        title: What is shown, such as the attack and the data set.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If there are no images or no panels, or they don't fit
            together.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    _check(images, labels, panels, class_names)
    sheet = Sheet(
        len(images),
        [1 + len(panels)] + [1, 1] * len(panels),
        title=title,
        dpi=dpi,
    )
    sheet.label(0, "Original")
    for column, label in enumerate(labels):
        verdicts = [
            _verdict(panel.clean_confidences[column], label, class_names)
            for panel in panels
        ]
        lines = [
            f"{mark} {_shortened(panel.name)}"
            + (f": {seen}" if seen != _shortened(class_names[label]) else "")
            + f" {confidence:.0%}"
            for panel, (mark, seen, confidence, _) in zip(
                panels, verdicts, strict=True
            )
        ]
        sheet.image(0, column, images[column])
        sheet.caption(
            0,
            column,
            [_shortened(class_names[label]), *lines],
            colors=[_INK, *(color for *_, color in verdicts)],
        )
    changes = [panel.adversarial.astype("float64") - images for panel in panels]
    largest = max(1 / 255, *(float(np.abs(c).max()) for c in changes))
    for index, (panel, change) in enumerate(zip(panels, changes, strict=True)):
        _draw_attack(
            sheet,
            (1 + 2 * index, 2 + 2 * index),
            images,
            labels,
            panel,
            class_names,
        )
        for column in range(len(images)):
            sheet.change(2 + 2 * index, column, change[column], largest)
    sheet.scale(largest, grey=images.shape[-1] == 1)
    with replacing(path) as temporary:
        sheet.write_png(temporary)


def _draw_attack(sheet, rows, images, labels, panel, class_names):
    """Draws what one model sees in the images made against it."""
    attacked, changed = rows
    sheet.label(attacked, panel.name, "attacked")
    sheet.label(changed, "", "change")
    l2 = metrics.l2_norms(images, panel.adversarial)
    linf = metrics.linf_norms(images, panel.adversarial)
    for column, label in enumerate(labels):
        mark, seen, confidence, color = _verdict(
            panel.adversarial_confidences[column], label, class_names
        )
        sheet.image(attacked, column, panel.adversarial[column], color)
        sheet.caption(
            attacked,
            column,
            [f"{mark} {seen} {confidence:.0%}"],
            colors=[color],
            bold=True,
        )
        sheet.caption(
            changed, column, [f"L2 {l2[column]:.2f}  L∞ {linf[column]:.3f}"]
        )


def _verdict(confidences, label, class_names):
    """Returns mark, class, confidence and colour of an answer."""
    answer = int(np.argmax(confidences))
    mark, color = ("✓", _RIGHT) if answer == label else ("✗", _WRONG)
    return mark, _shortened(class_names[answer]), confidences[answer], color


def _shortened(name):
    if len(name) <= _LONGEST_NAME:
        return name
    return name[: _LONGEST_NAME - 1] + "…"


def _check(images, labels, panels, class_names):
    if images.ndim != 4 or not len(images) or images.shape[-1] not in (1, 3):
        raise ValueError(
            "images must be at least one, NHWC, of 1 or 3 channels. "
            f"Received: shape={images.shape}"
        )
    if not panels:
        raise ValueError("panels must be at least one. Received: none")
    shape = (len(images), len(class_names))
    for panel in panels:
        if (
            panel.adversarial.shape != images.shape
            or panel.clean_confidences.shape != shape
            or panel.adversarial_confidences.shape != shape
        ):
            raise ValueError(
                f"A panel must hold {len(images)} images and their confidences "
                f"in {len(class_names)} classes. Received: {panel.name} with "
                f"{panel.adversarial.shape}, {panel.clean_confidences.shape}, "
                f"{panel.adversarial_confidences.shape}"
            )
    if labels.shape != (len(images),):
        raise ValueError(
            f"labels must be one an image. Received: shape={labels.shape}"
        )
