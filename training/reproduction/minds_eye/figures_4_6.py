"""Figures 4 and 6: steps and distortion until a verdict flips."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from zoo.atomic_write import atomic_write
from zoo.training.evaluation.plots.image_grid import COLORS
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import FONT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.minds_eye import paper
from zoo.training.reproduction.minds_eye.networks import Flips
from zoo.training.reproduction.minds_eye.networks import Networks
from zoo.training.reproduction.minds_eye.networks import is_triple
from zoo.training.reproduction.minds_eye.table_1 import EXTRA

_DRAWS = 2000
"""Resamples of a bootstrap interval."""

Measured = Mapping[tuple[str, float | None], Flips]
"""By preset and threshold."""


def figure_4(networks: Networks, output: Path) -> Exhibit:
    """Measures and draws figure 4: false positives.

    Args:
        output: Folder for the picture.
    """
    measured = _measure(networks, networks.false_positives, ascending=True)
    return _exhibit(
        networks,
        measured,
        output,
        name="fig4",
        title="Figure 4: effort to make an object be taken for another",
        notes=(
            "Each test image with an object is changed until it is taken for "
            "each of the other two, as section 4 says. The released code stops "
            "at any other object.",
            "The paper's figure has no numbers; its text says that the direct "
            f"networks' median distortion is below {paper.DIRECT_DISTORTION}.",
            _below(measured),
        ),
    )


def figure_6(networks: Networks, output: Path) -> Exhibit:
    """Measures and draws figure 6: false negatives.

    Args:
        output: Folder for the picture.
    """
    measured = _measure(networks, networks.false_negatives, ascending=False)
    left_out = "; ".join(
        f"{_label(*key)}: {np.mean(~flips.started_right):.2%}"
        + (f" ({paper.LEFT_OUT[key]:.2%})" if key in paper.LEFT_OUT else "")
        for key, flips in measured.items()
    )
    measured = {
        key: flips.only(flips.started_right)
        for key, flips in measured.items()
        if flips.started_right.any()
    }
    return _exhibit(
        networks,
        measured,
        output,
        name="fig6",
        title="Figure 6: effort to make an object be taken for none",
        notes=(
            "Images that were misclassified in the first place are left out, "
            f"the paper's share in brackets: {left_out}.",
        ),
    )


def _measure(networks, attack, *, ascending):
    """Returns flips in the figures' order; untrained presets are left out."""
    thresholds = sorted(paper.THRESHOLDS, reverse=not ascending)
    measured = {}
    for name in (*paper.TITLES, *EXTRA):
        if networks.model(name) is None:
            continue
        if name == paper.TRIPLE:
            found = attack(name, thresholds)
            found = {key: found[key] for key in paper.THRESHOLDS}
        else:
            found = attack(name, (0.45,) if is_triple(name) else (None,))
        measured |= {(name, key): flips for key, flips in found.items()}
    return measured


def _exhibit(networks, measured, output, *, name, title, notes):
    data = {}
    for key, flips in measured.items():
        data[_label(*key)] = {
            "preset": key[0],
            "threshold": key[1],
            "attacks": len(flips.steps),
            "flipped": float(flips.flipped.mean()),
            "steps": _percentiles(flips.steps),
            "distortion": _percentiles(flips.distortion),
        }
    _draw(measured, output / f"{name}.png", title=title)
    return Exhibit(
        name=name,
        title=title,
        header=(
            "network",
            "attacks",
            "flipped",
            "steps: median",
            "quartiles",
            "2 % to 98 %",
            "distortion: median",
            "quartiles",
            "2 % to 98 %",
        ),
        rows=tuple(
            (
                label,
                f"{row['attacks']:,}",
                f"{row['flipped']:.1%}",
                *_cells(row["steps"], "{:.0f}"),
                *_cells(row["distortion"], "{:.3f}"),
            )
            for label, row in data.items()
        ),
        notes=(
            *notes,
            "Each step moves every pixel by one grey level; at most "
            f"{networks.settings.max_steps:,} are taken. An image that hasn't "
            "flipped by then counts with these. Distortion is the root mean "
            "square of the change, for pixels in [0, 1].",
            "The loss is the cross-entropy for the direct networks, and the "
            "squared distance of the scores from the target's for the "
            "triple-staged ones, as in the released code.",
            *_ratios(measured),
        ),
        picture=f"{name}.png",
        data={"rows": data},
        provenance=networks.provenance(
            *dict.fromkeys(preset for preset, _ in measured)
        ),
    )


def _label(name, threshold):
    return name if threshold is None else f"{name}, Θ = {threshold:g}"


def _percentiles(values):
    """Returns the whiskers, quartiles and median, by percentile."""
    points = (paper.WHISKERS[0], 25, 50, 75, paper.WHISKERS[1])
    return dict(
        zip(map(str, points), np.percentile(values, points), strict=True)
    )


def _cells(percentiles, form):
    low, first, median, third, high = map(form.format, percentiles.values())
    return median, f"{first} to {third}", f"{low} to {high}"


def _below(measured):
    """Says whether the direct network's median distortion is the paper's."""
    median = float(np.median(measured[paper.DIRECT, None].distortion))
    said = "holds" if median < paper.DIRECT_DISTORTION else "**does not hold**"
    return f"Ours: {said} ({median:.3f})."


def _ratios(measured):
    """Says how much more the triple-staged networks need, of the medians."""
    direct = measured.get((paper.DIRECT, None))
    for key, flips in measured.items():
        if direct is None or not is_triple(key[0]):
            continue
        parts = []
        for what in ("steps", "distortion"):
            ours, theirs = getattr(flips, what), getattr(direct, what)
            ratio, low, high = median_ratio(ours, theirs)
            parts.append(
                f"{ratio:.1f} times the {what} ({low:.1f} to {high:.1f})"
            )
        yield (
            f"{_label(*key)} needs {' and '.join(parts)} of {paper.DIRECT}, "
            "medians with bootstrap intervals of 95 %."
        )


def median_ratio(
    values: np.ndarray, others: np.ndarray, *, seed: int = 0
) -> tuple[float, float, float]:
    """Returns the ratio of two medians and its 95 % bootstrap interval.

    Args:
        values: Of the one sample.
        others: Of the other, which is resampled on its own.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)

    def medians(sample):
        rows = rng.integers(0, len(sample), (_DRAWS, len(sample)))
        return np.median(np.asarray(sample)[rows], axis=1)

    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = medians(values) / medians(others)
        ratio = np.median(values) / np.median(others)
    low, high = np.percentile(ratios, (2.5, 97.5), method="nearest")
    return float(ratio), float(low), float(high)


def _draw(measured, path, *, title):
    """Draws a box for each network, of steps and of distortion."""
    # Not imported above: matplotlib writes its font cache when imported.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"color": INK, "family": FONT}
    labels = [_label(*key) for key in measured]
    height = 1.4 + 0.34 * len(labels)
    figure = Figure((9.6, height), 144, facecolor="white", layout="constrained")
    figure.suptitle(title, weight="bold", size=11, **style)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, what in zip(panels, ("steps", "distortion"), strict=True):
        boxes = axes.boxplot(
            [getattr(flips, what) for flips in measured.values()],
            orientation="horizontal",
            whis=paper.WHISKERS,
            showfliers=False,
            patch_artist=True,
            widths=0.6,
            medianprops={"color": INK, "linewidth": 1.4},
            whiskerprops={"color": FAINT},
            capprops={"color": FAINT},
        )
        for (name, _), box in zip(measured, boxes["boxes"], strict=True):
            box.set_facecolor(COLORS[1 if is_triple(name) else 0])
            box.set_edgecolor(FAINT)
            box.set_alpha(0.75)
        axes.set_xlim(left=0)
        axes.set_xlabel(what, size=9, **style)
        axes.tick_params(colors=FAINT, length=0, labelsize=8)
        axes.grid(axis="x", color="#d0d7de", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(FAINT)
    panels[0].set_yticks(range(1, len(labels) + 1), labels, **style)
    panels[0].invert_yaxis()
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)
