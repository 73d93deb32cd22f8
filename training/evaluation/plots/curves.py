"""A picture of accuracy against the radius of the ball."""

import itertools
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from zoo.atomic_write import atomic_write
from zoo.threat import NORM_TITLES
from zoo.threat import NORMS
from zoo.training.evaluation.plots.image_grid import COLORS
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import FONT
from zoo.training.evaluation.plots.image_grid import INK
from zoo.training.evaluation.results import metrics
from zoo.training.evaluation.results.attack_result import AttackResult
from zoo.training.evaluation.results.report import Report

_LINES = ("-", "--", "-.", ":")
_MARKERS = "osD^vPX*"
_AXES_SIZE = (5.4, 4.6)  # Inches.
_APART = 5  # Between points at one radius, in points.


class _Series(NamedTuple):
    """One attack in one report, and its look."""

    result: AttackResult
    clean: float
    images: int
    label: str
    color: str
    mark: str


def curves(
    reports: Report | Sequence[Report],
    path: str | os.PathLike,
    *,
    title: str = "",
    dpi: int = 144,
) -> None:
    """Draws accuracy against the radius, one plot a norm.

    An attack that minimizes the norm is a line with a band. An attack in a
    ball is a point with a bar at its radius; points at one radius are set a
    little apart, and a dotted line leads to each from the accuracy without an
    attack. Band and bar are the Wilson 95 % interval. Colours tell reports
    apart, or attacks if there is one report. A point is *cumulative* if it is
    what its attack and those before it leave.

    Args:
        reports: One or several, of different models.
        path: PNG file to write.
        title: Heading; by default that of one report names the model and the
            images.
        dpi: Pixels an inch.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If no report has an attack with a radius or a curve.
    """
    # Not imported above: matplotlib writes its font cache when imported.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if isinstance(reports, Report):
        reports = [reports]
    by_norm = {norm: _series(reports, norm) for norm in NORMS}
    by_norm = {norm: series for norm, series in by_norm.items() if series}
    if not by_norm:
        raise ValueError(
            "reports must hold an attack that has a ball or minimizes a norm. "
            f"Received: {', '.join(r.model for r in reports) or 'no report'}"
        )
    if not title and len(reports) == 1:
        title = _title(reports[0])
    width, height = _AXES_SIZE
    rows = max(map(len, by_norm.values()))
    figure = Figure(
        (width * len(by_norm), height + 0.2 * rows),
        dpi,
        facecolor="white",
        layout="constrained",
    )
    if title:
        figure.suptitle(
            title, color=INK, family=FONT, weight="bold", parse_math=False
        )
    for index, (norm, series) in enumerate(by_norm.items()):
        axes = figure.add_subplot(1, len(by_norm), index + 1)
        _draw(axes, norm, series)
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _title(report):
    data = f" of {report.dataset}" if report.dataset else ""
    return f"{report.model}, {report.attacked} images{data}"


def _series(reports, norm):
    """Returns the series of a norm, in the order of the reports."""
    labels, series = [], []
    marks = {True: itertools.cycle(_LINES), False: itertools.cycle(_MARKERS)}
    mark_of = {}
    for number, report in enumerate(reports):
        for result in report.attacks:
            if _norm(result) != norm:
                continue
            label, is_line = result.label, result.curve is not None
            if (label, is_line) not in mark_of:
                mark_of[label, is_line] = next(marks[is_line])
                labels.append((label, is_line))
            several = len(reports) > 1
            index = number if several else labels.index((label, is_line))
            name = f"{report.model}: {label}" if several else label
            if report.skip_fooled and not is_line:
                name += " (cumulative)"
            series.append(
                _Series(
                    result,
                    report.clean.mean,
                    report.attacked,
                    name,
                    COLORS[index % len(COLORS)],
                    mark_of[label, is_line],
                )
            )
    return series


def _norm(result):
    ball = result.threat or result.curve
    return ball and ball.norm


def _draw(axes, norm, series):
    """Draws the plot of a norm."""
    longest = max(_longest(one.result) for one in series) or 1.0
    right = 1.05 * longest
    at_radius, by_label = {}, {}
    for one in series:
        if one.result.curve is None:
            at_radius.setdefault(one.result.threat.eps, []).append(one)
            by_label.setdefault(one.label, []).append(one)
        else:
            _draw_curve(axes, one, right)
    for points in at_radius.values():
        for index, one in enumerate(points):
            aside = _APART * (index - (len(points) - 1) / 2)
            _draw_point(axes, one, aside)
    for points in by_label.values():
        _draw_descent(axes, points)
    axes.set_xlim(0, right)
    axes.set_ylim(-2, 102)
    style = {"color": INK, "family": FONT}
    axes.set_title(NORM_TITLES[norm], **style)
    axes.set_xlabel("eps, pixels in [0, 1]", **style)
    axes.set_ylabel("accuracy, %", **style)
    axes.tick_params(colors=FAINT)
    axes.grid(color=FAINT, alpha=0.2)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    handles, labels = axes.get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))  # Each label once.
    axes.legend(
        shown.values(),
        shown.keys(),
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        frameon=False,
        prop={"family": FONT, "size": 9},
    )


def _longest(result):
    return result.threat.eps if result.curve is None else result.curve.eps[-1]


def _draw_curve(axes, one, right):
    curve = one.result.curve
    eps = np.append(curve.eps, right)
    accuracy = np.append(curve.accuracy, curve.accuracy[-1])
    low, high = np.transpose(
        [metrics.wilson_interval(value, one.images) for value in accuracy]
    )
    axes.step(
        eps,
        100 * accuracy,
        where="post",
        color=one.color,
        linestyle=one.mark,
        linewidth=1.6,
        label=one.label,
    )
    axes.fill_between(
        eps,
        100 * low,
        100 * high,
        step="post",
        color=one.color,
        alpha=0.12,
        linewidth=0,
    )


def _draw_descent(axes, points):
    """Draws the line from no attack over the points of one attack."""
    results = [one.result for one in points]
    descent = sorted((r.threat.eps, r.robust.mean) for r in results)
    eps, accuracy = np.transpose([(0, points[0].clean), *descent])
    axes.plot(
        eps,
        100 * accuracy,
        color=points[0].color,
        linestyle=":",
        linewidth=1,
        zorder=1,
    )


def _draw_point(axes, one, aside):
    from matplotlib.transforms import ScaledTranslation

    robust = one.result.robust
    low, high = robust.interval
    # The interval of 0 or 1 may miss it by a rounding error.
    bars = [max(0.0, robust.mean - low)], [max(0.0, high - robust.mean)]
    shift = ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
    axes.errorbar(
        [one.result.threat.eps],
        [100 * robust.mean],
        yerr=100 * np.array(bars),
        color=one.color,
        marker=one.mark,
        markersize=5,
        linestyle="none",
        capsize=2.5,
        linewidth=1.2,
        label=one.label,
        transform=axes.transData + shift,
        clip_on=False,
    )
