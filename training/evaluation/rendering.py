"""Reports as Markdown and as tables of the terminal."""

from typing import TYPE_CHECKING

import rich.box
import rich.table

if TYPE_CHECKING:
    from training.evaluation.report import Report

_NORMS = {"l2": "L2", "linf": "L∞"}
_NONE = "–"
_NARROW = {
    "worst draw": "worst\ndraw",
    "median L2": "med.\nL2",
    "median L∞": "med.\nL∞",
    "dissimilarity": "dis-\nsim.",
}
"""Titles that a terminal of 80 columns has no room for."""

_RANDOMISED = (
    "The model is randomised. Accuracies are means over {draws} fresh draws "
    "of its randomness for each image, redrawn after the attack; *worst draw* "
    "is the lowest accuracy of a single draw, *every draw* the fraction of "
    "images that all {draws} draws classify right."
)
_NOTES = (
    "*accuracy*: percent of all images; an image misclassified without an "
    "attack counts as wrong under every attack. Wilson 95 % interval.",
    "*worst case*: each image meets the most harmful of all adversarial "
    "images found for it inside the ball, whichever attack found it.",
    "*success*: percent of the rightly classified images that the attack "
    "flips. *median*: perturbation norm over those flipped, pixels in [0, 1].",
    "*dissimilarity*: mean of ‖x − x_adv‖₂ / ‖x_adv‖₂ over all images.",
    "*AAAC*: mean L2 colour change of a pixel, 0 to 255, zero where the "
    "attack fools the model.",
)


def markdown(report: "Report") -> str:
    """Returns a page with the numbers and how they were measured."""
    header, rows = _cells(report, full=True)
    lines = [
        f"# Robustness of {report.model}",
        "",
        f"{_images(report)}.",
    ]
    if report.stochastic:
        lines[-1] += " " + _RANDOMISED.format(draws=report.draws)
    lines += ["", _row(header), _row(["---"] * 2 + ["--:"] * (len(header) - 2))]
    lines += [_row(row) for row in rows]
    lines += ["", *(f"- {note}" for note in _NOTES)]
    if report.attacks:
        lines += ["", "Attacks:", ""]
        lines += [f"- `{result}`" for result in report.attacks]
    versions = ", ".join(
        f"{name} {version}" for name, version in report.versions.items()
    )
    lines += [
        "",
        f"Measured {report.date} with seed {report.seed} in batches of "
        f"{report.batch_size}, attacks in {report.attack_policy}; "
        f"commit {report.commit or 'unknown'}; {versions}.",
    ]
    return "\n".join(lines) + "\n"


def table(report: "Report") -> rich.table.Table:
    """Returns the numbers as a table for `rich` to print."""
    header, rows = _cells(report, full=False)
    caption = _images(report)
    if report.stochastic:
        caption += f"; mean of {report.draws} draws"
    drawn = rich.table.Table(
        title=report.model,
        caption=f"{caption}; accuracies in percent, 95 % interval",
        box=rich.box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for index, title in enumerate(header):
        drawn.add_column(
            _NARROW.get(title, title),
            justify="left" if index < 2 else "right",
            vertical="bottom",
            no_wrap=index > 0,
        )
    for row in rows:
        bold = row[0] in ("clean", "worst case")
        drawn.add_row(*row, style="bold" if bold else None)
    return drawn


def _cells(report, *, full):
    """Returns the titles and the rows, all as text; `full` has two more."""
    header = ["attack", "threat", "accuracy"]
    if report.stochastic:
        header += ["worst draw"] + ["every draw"] * full
    header += ["success", "median L2", "median L∞"]
    header += ["dissimilarity", "AAAC"] + ["seconds"] * full

    def row(name, threat, accuracy, numbers=(_NONE,) * 6):
        low, high = accuracy.interval
        cells = [name, _threat(threat)]
        cells += [
            f"{_percent(accuracy.mean)} ({100 * low:.1f}–{100 * high:.1f})"
        ]
        if report.stochastic:
            cells += [_percent(accuracy.worst_draw)]
            cells += [_percent(accuracy.every_draw)] * full
        return [*cells, *numbers[: 6 if full else 5]]

    rows = [row("clean", None, report.clean)]
    rows += [
        row(
            result.label,
            result.threat,
            result.robust,
            (
                _percent(result.success_rate),
                _number(result.median_l2),
                _number(result.median_linf),
                _number(result.dissimilarity),
                f"{result.aaac_score:.1f}",
                f"{result.seconds:.1f}",
            ),
        )
        for result in report.attacks
    ]
    rows += [
        row("worst case", worst.threat, worst.robust)
        for worst in report.worst_cases
    ]
    return header, rows


def _images(report):
    text = f"{report.images} images"
    if report.dataset:
        text += f" of {report.dataset}"
    if report.attacked < report.images:
        text += f", the first {report.attacked} attacked"
    return text


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _threat(threat):
    if threat is None:
        return _NONE
    return f"{_NORMS[threat.norm]} {threat.eps:.3g}"


def _percent(fraction):
    return _NONE if fraction is None else f"{100 * fraction:.1f}"


def _number(value):
    return _NONE if value is None else f"{value:.3f}"
