"""The picture of accuracy against success, a mark a strength."""

import os
import statistics
from collections.abc import Mapping
from typing import Any

from zoo.atomic_write import atomic_write
from zoo.training.evaluation.plots.image_grid import COLORS
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import FONT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.alpha_penalties import PENALTIES
from zoo.training.reproduction.blurnet.alpha_points import PLAIN

LEAST_DRAWN = 0.5
"""Accuracy below which a point is left out of the picture.

A network that knows one answer alone cannot be fooled either.
"""

_MOST_COLUMNS = 3
_NEAR = 3  # Percent.
_LOOKS = {
    "average": (COLORS[0], "o", (4, -9)),
    "worst": (COLORS[1], "^", (4, 5)),
}
"""Colour, mark and the place of a strength beside it, by measure."""


def draw_trade_off(
    sweep: Mapping[str, Mapping[float, Mapping[str, Any]]],
    baseline: Mapping[str, Any],
    path: str | os.PathLike,
    *,
    least_accuracy: float,
) -> None:
    """Draws accuracy on x against success on y, in percent.

    Each penalty has a panel. A line joins its strengths, each mark says its
    own. Full marks are under RP2, hollow ones under the strongest attack;
    squares are the network without a penalty. Points below `LEAST_DRAWN` are
    left out.

    Args:
        sweep: By penalty and strength, what `alpha_sweep.summary` returns.
        baseline: The same of the network without a penalty.
        path: PNG file to write.
        least_accuracy: Accuracy asked for.
    """
    # Not imported above: matplotlib writes its font cache when imported.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(_MOST_COLUMNS, len(sweep))
    rows = -(-len(sweep) // columns)
    figure = Figure(
        (1.2 + 3.1 * columns, 1.1 + 2.5 * rows),
        110,
        facecolor="white",
        layout="constrained",
    )
    panels = figure.subplots(
        rows, columns, sharex=True, sharey=True, squeeze=False
    ).ravel()
    for axes, (name, by_alpha) in zip(panels, sweep.items(), strict=False):
        axes.axvline(
            100 * least_accuracy, color=FAINT, linestyle="--", linewidth=0.8
        )
        bounds = zip(_LOOKS, paper.BEST_SUCCESS, strict=True)
        for measure, bound in bounds:
            color = _LOOKS[measure][0]
            axes.axhline(
                100 * bound, color=color, linestyle="--", linewidth=0.8
            )
            _draw_line(axes, {None: baseline}, measure, "s")
            _draw_line(axes, by_alpha, measure, _LOOKS[measure][1])
        _dress(axes, f"{name}: {PENALTIES[name].family}")
    for axes in panels[len(sweep) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(sweep) - columns) : len(sweep)]:
        axes.tick_params(labelbottom=True)
    figure.supxlabel("accuracy on the test split, %", family=FONT, size=10)
    figure.supylabel(
        "predictions that stickers change, %", family=FONT, size=10
    )
    series = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        series |= dict(zip(labels, handles, strict=True))
    figure.legend(
        series.values(),
        series,
        loc="outside upper center",
        ncols=4,
        frameon=False,
        prop={"family": FONT, "size": 8},
    )
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _draw_line(axes, by_alpha, measure, mark):
    """Draws one measure of one penalty, or of the baseline."""
    color, _, place = _LOOKS[measure]
    points = [
        (
            alpha,
            100 * statistics.mean(point["accuracy"]),
            100 * point["strongest"][measure],
            100 * statistics.mean(point["attacks"][PLAIN][measure]),
        )
        for alpha, point in by_alpha.items()
        if statistics.mean(point["accuracy"]) >= LEAST_DRAWN
    ]
    if not points:
        return
    alphas, accuracy, strongest, plain = zip(*points, strict=True)
    named = None not in alphas
    for values, fill, style, attack in (
        (strongest, "none", ":", "strongest attack"),
        (plain, "full", "-", PLAIN),
    ):
        axes.plot(
            accuracy,
            values,
            style,
            marker=mark,
            fillstyle=fill,
            color=color,
            linewidth=0.9,
            markersize=5,
            label=f"{measure}, {attack}" if named else None,
        )
    for x, y, text in _names(alphas, accuracy, plain) if named else ():
        axes.annotate(
            text,
            (x, y),
            place,
            textcoords="offset points",
            fontsize=7,
            color=color,
            family=FONT,
        )


def _names(alphas, accuracy, success):
    """Returns where strengths are written; marks on one another share it."""
    names = []
    for alpha, x, y in zip(alphas, accuracy, success, strict=True):
        for index, (left, low, text) in enumerate(names):
            if abs(x - left) < _NEAR and abs(y - low) < _NEAR:
                names[index] = left, low, f"{text}, {alpha:g}"
                break
        else:
            names.append((x, y, f"{alpha:g}"))
    return names


def _dress(axes, title):
    axes.set_title(title, color=INK, family=FONT, fontsize=9)
    axes.set_xlim(100 * LEAST_DRAWN, 103)
    axes.set_ylim(-4, 104)
    axes.tick_params(colors=FAINT, length=2, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
