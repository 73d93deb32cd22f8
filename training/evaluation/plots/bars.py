"""Accuracies as groups of bars."""

import os
from collections.abc import Mapping
from collections.abc import Sequence

from zoo.atomic_write import atomic_write
from zoo.training.evaluation.plots.image_grid import COLORS
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import FONT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.results.metrics import wilson_interval


def bar_chart(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    path: str | os.PathLike,
    *,
    title: str,
    images: Sequence[int] | None = None,
    dpi: int = 144,
) -> None:
    """Draws groups of bars, in each one bar a series.

    Args:
        groups: Names of the groups, below the axis.
        series: Accuracies in [0, 1], one a group, by the series' name.
        path: PNG file to write.
        title: Heading.
        images: Number of images that each group's accuracies are of. It is
            written below the group, and gives the bars 95 % intervals.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a series hasn't one fraction a group.
    """
    # Not imported above: matplotlib writes its font cache when imported.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    for name, values in series.items():
        if len(values) != len(groups):
            raise ValueError(
                f"A series must have {len(groups)} values, one a group. "
                f"Received: {len(values)} of {name!r}"
            )
    style = {"color": INK, "family": FONT}
    figure = Figure((7.2, 4.2), dpi, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / max(1, len(series))
    for index, (name, values) in enumerate(series.items()):
        aside = (index - (len(series) - 1) / 2) * width
        bars = axes.bar(
            [group + aside for group in range(len(groups))],
            [100 * value for value in values],
            width,
            color=COLORS[index % len(COLORS)],
            label=name,
            yerr=None if images is None else _errors(values, images),
            error_kw={"elinewidth": 0.8, "capsize": 1.5, "capthick": 0.8},
        )
        axes.bar_label(bars, fmt="%.0f", fontsize=7, color=FAINT)
    unit = "%"
    if images is not None:
        unit = "%, and 95 % interval"
        groups = [
            f"{name}\n{count:,} images"
            for name, count in zip(groups, images, strict=True)
        ]
    axes.set_xticks(range(len(groups)), groups, **style)
    axes.set_ylim(0, 108)
    axes.set_ylabel(f"accuracy, {unit}", **style)
    axes.set_title(title, weight="bold", parse_math=False, **style)
    axes.tick_params(colors=FAINT, length=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    if series:
        figure.legend(
            loc="outside lower center",
            ncols=3,
            frameon=False,
            prop={"family": FONT, "size": 8},
        )
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _errors(values, images):
    """Returns the intervals' lengths below and above the values, in percent."""
    intervals = map(wilson_interval, values, images)
    pairs = list(zip(values, intervals, strict=True))
    below = [100 * max(0, value - low) for value, (low, _) in pairs]
    above = [100 * max(0, high - value) for value, (_, high) in pairs]
    return [below, above]
