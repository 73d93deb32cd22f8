"""Reports as Markdown and as tables of the terminal."""

import re
import statistics
from typing import Any

import numpy as np
import rich.box
import rich.measure
import rich.table

from zoo.threat import NORM_TITLES

_NONE = "–"
_NARROW = {
    "worst draw": "worst\ndraw",
    "median L2": "med.\nL2",
    "median L∞": "med.\nL∞",
    "dissimilarity": "dis-\nsim.",
}
"""Shorter titles for a terminal of 80 columns."""
_DISPENSABLE = ("AAAC", "dissimilarity", "worst draw", "success", "median L∞")
"""Columns that a table that is still too wide leaves out, in this order."""
_ENDLESS = 10_000
_MARKUP = re.compile(r"[<>&\[\]`*\\|]")
"""What Markdown, and HTML in it, might obey in a name."""

_RANDOMISED = (
    "The model is randomised. Accuracies are means over {draws} fresh draws "
    "of its randomness for each image, redrawn after the attack; *worst draw* "
    "is the lowest accuracy of a single draw, *every draw* the fraction of "
    "images that all {draws} draws classify right."
)
_SKIPPED = (
    "*images*: how many an attack was run on. An image that was "
    "misclassified, or that an earlier attack in the same ball had fooled, "
    "was not attacked again: the *accuracy* of an attack in a ball is what is "
    "left after it and those before it; its other numbers are of the images "
    "it was run on."
)
_RUNS = (
    "*runs*: each attack was run {runs} times, with other randomness each "
    "time; mean and standard deviation of the accuracies of the single runs. "
    "In the other numbers each image takes its worst run."
)
_CURVES = (
    "Accuracy in percent against the radius, from the attacks that look for "
    "the smallest perturbation:"
)
_STICKERS = (
    "Stickers on signs, made on the model itself, one for each sign and "
    "target. *success*: percent of the held-out views whose prediction "
    "changes, to any class: the mean over signs and targets with its Wilson "
    "95 % interval for the views, and the sign and target with the highest. "
    "*targeted*: percent of the views that are taken for the target. "
    "*accuracy*: without a sticker."
)
_STICKER_HEADER = (
    *("stickers", "accuracy", "average success", "worst success"),
    *("of", "targeted"),
)
_MOST_COLUMNS = 11
_NOTES = (
    "*accuracy*: percent of all images; an image misclassified without an "
    "attack counts as wrong under every attack. Wilson 95 % interval.",
    "*worst case*: each image meets the most harmful of all adversarial "
    "images found for it inside the ball, whichever attack found it. A ball "
    "that only noise, or attacks of smaller balls or other norms, entered has "
    "none.",
    "*success*: percent of the rightly classified images that the attack "
    "changes and flips. *median*: perturbation norm over those flipped, pixels "
    "in [0, 1].",
    "*dissimilarity*: mean of ‖x − x_adv‖₂ / ‖x_adv‖₂ over all images.",
    "*AAAC*: mean L2 colour change of a pixel, 0 to 255, zero where the "
    "attack fools the model.",
)


def markdown(report: Any) -> str:
    """Returns a page with the numbers and how they were measured.

    Args:
        report: A `Report`; its module imports this one.
    """
    header, rows = _cells(report)
    lines = [
        f"# Robustness of {_literal(report.model)}",
        "",
        f"{_images(report, _literal(report.dataset))}.",
    ]
    if report.flags:
        lines[:0] = [f"**Flagged**: {flag}.  " for flag in report.flags] + [""]
    if report.stochastic:
        lines[-1] += " " + _RANDOMISED.format(draws=report.draws)
    lines += ["", _row(header), _row(["---"] * 2 + ["--:"] * (len(header) - 2))]
    lines += [_row(row) for row in rows]
    notes = [_SKIPPED] if report.skip_fooled else []
    if (runs := _runs(report)) > 1:
        notes.append(_RUNS.format(runs=runs))
    notes += _NOTES
    lines += ["", *(f"- {note}" for note in notes)]
    lines += _curves(report)
    if report.stickers:
        lines += ["", _STICKERS, "", _row(_STICKER_HEADER)]
        lines += [_row(["---"] + ["--:"] * (len(_STICKER_HEADER) - 1))]
        lines += [_row(row) for row in _sticker_rows(report)]
        lines += [
            "",
            *(f"- `{one.label}`: {one.effort}" for one in report.stickers),
        ]
    if report.attacks:
        lines += ["", "Attacks:", ""]
        lines += [f"- `{result}`" for result in report.attacks]
    versions = ", ".join(
        f"{name} {version}" for name, version in report.versions.items()
    )
    sanity = f"on {report.sanity} images" if report.sanity else "was left out"
    lines += [
        "",
        f"Measured {report.date} with seed {report.seed} in batches of "
        f"{report.batch_size}, attacks in {report.attack_policy}; the sanity "
        f"suite {sanity}; "
        f"commit {report.commit or 'unknown'}; {versions}.",
        "",
        f"SHA-256 of the weights' arrays: `{report.weights}`.",
    ]
    if report.attacked_weights:
        lines[-1] += f" Of those attacked: `{report.attacked_weights}`."
    return "\n".join(lines) + "\n"


class Table:
    """The numbers as a table for `rich`, as wide as the terminal allows.

    Names of attacks are never cut: other columns are left out first.

    Args:
        report: A `Report`; its module imports this one.
    """

    def __init__(self, report: Any):
        self._report = report

    def __rich_console__(self, console, options):
        left_out = {
            "every draw",
            "seconds",
            "dissimilarity" if self._report.skip_fooled else "images",
        }
        table = _table(self._report, left_out)
        endless = options.update(max_width=_ENDLESS)
        for title in _DISPENSABLE:
            needed = rich.measure.Measurement.get(console, endless, table)
            if needed.maximum <= options.max_width:
                break
            left_out.add(title)
            table = _table(self._report, left_out)
        yield table
        if self._report.stickers:
            yield _sticker_table(self._report)


def _sticker_rows(report):
    return [
        (
            one.label,
            _percent(one.accuracy),
            f"{_percent(one.average)} ({100 * one.interval[0]:.1f}–"
            f"{100 * one.interval[1]:.1f})",
            _percent(one.worst),
            one.worst_sticker,
            _percent(one.targeted),
        )
        for one in report.stickers
    ]


def _sticker_table(report):
    first = report.stickers[0]
    drawn = rich.table.Table(
        title="Stickers on signs",
        caption=f"{first.effort}; percent of the views whose prediction "
        "changes, 95 % interval; worst of all signs and targets",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for title in _STICKER_HEADER:
        drawn.add_column(
            title.replace(" ", "\n"),
            justify="left" if title in ("stickers", "of") else "right",
            vertical="bottom",
        )
    for row in _sticker_rows(report):
        drawn.add_row(*row)
    return drawn


def _table(report, left_out):
    header, rows = _cells(report)
    shown = [i for i, title in enumerate(header) if title not in left_out]
    flags = "".join(f"FLAGGED: {flag}\n" for flag in report.flags)
    caption = _images(report, report.dataset)
    if report.stochastic:
        caption += f"; mean of {report.draws} draws"
    attack_draws = {result.options.get("draws", 1) for result in report.attacks}
    if told := sorted(attack_draws - {1, None}):
        averaged = " or ".join(map(str, told))
        caption += f"; attacks average over {averaged} draws"
    if report.skip_fooled:
        caption += "; an attack's accuracy is what it and those before it leave"
    drawn = rich.table.Table(
        title=f"{flags}{report.model}",
        caption=f"{caption}; accuracies in percent, 95 % interval",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index in shown:
        drawn.add_column(
            _NARROW.get(header[index], header[index]),
            justify="left" if index < 2 else "right",
            vertical="bottom",
            no_wrap=True,
        )
    for row in rows:
        bold = row[0] in ("clean", "worst case")
        drawn.add_row(
            *(row[index] for index in shown), style="bold" if bold else None
        )
    return drawn


def _cells(report):
    """Returns the titles and the rows, all as text."""
    header = ["attack", "threat", "images", "accuracy"]
    if report.stochastic:
        header += ["worst draw", "every draw"]
    several = _runs(report) > 1
    if several:
        header += ["runs"]
    header += ["success", "median L2", "median L∞"]
    header += ["dissimilarity", "AAAC", "seconds"]

    def row(name, threat, images, accuracy, numbers=(_NONE,) * 6, runs=_NONE):
        low, high = accuracy.interval
        cells = [name, _threat(threat), str(images)]
        cells += [
            f"{_percent(accuracy.mean)} ({100 * low:.1f}–{100 * high:.1f})"
        ]
        if report.stochastic:
            cells += [_percent(accuracy.worst_draw)]
            cells += [_percent(accuracy.every_draw)]
        if several:
            cells += [runs]
        return [*cells, *numbers]

    rows = [row("clean", None, report.images, report.clean)]
    rows += [
        row(
            result.label,
            result.threat,
            result.images,
            result.robust,
            (
                _percent(result.success_rate),
                _number(result.median_l2),
                _number(result.median_linf),
                _number(result.dissimilarity),
                _number(result.aaac_score, digits=1),
                f"{result.seconds:.1f}",
            ),
            runs=f"{100 * statistics.mean(result.runs):.1f} ± "
            f"{100 * result.runs_std:.1f}",
        )
        for result in report.attacks
    ]
    rows += [
        row("worst case", worst.threat, report.attacked, worst.robust)
        for worst in report.worst_cases
    ]
    return header, rows


def _curves(report):
    """Returns lines with a table of two rows for each curve."""
    lines = []
    for result in report.attacks:
        curve = result.curve
        if curve is None:
            continue
        count = min(len(curve.eps), _MOST_COLUMNS)
        shown = np.linspace(0, len(curve.eps) - 1, count).round().astype(int)
        eps = [_number(curve.eps[index]) for index in shown]
        accuracy = [_percent(curve.accuracy[index]) for index in shown]
        lines += [
            "",
            _row([f"{result.label}, {NORM_TITLES[curve.norm]}", *eps]),
            _row(["---"] + ["--:"] * count),
            _row(["accuracy", *accuracy]),
        ]
    return ["", _CURVES, *lines] if lines else []


def _runs(report):
    """Returns how often each attack was run."""
    return max((len(result.runs) for result in report.attacks), default=1)


def _images(report, dataset):
    text = f"{report.images} images"
    if dataset:
        text += f" of {dataset}"
    if report.attacked < report.images:
        text += f", the first {report.attacked} attacked"
    return text


def _literal(name):
    """Returns a name as Markdown that shows it, whatever is in it."""
    line = " ".join((name or "").split())
    return _MARKUP.sub(r"\\\g<0>", line)


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _threat(threat):
    return _NONE if threat is None else threat.title


def _percent(fraction):
    return _NONE if fraction is None else f"{100 * fraction:.1f}"


def _number(value, digits=3):
    return _NONE if value is None else f"{value:.{digits}f}"
