"""Tables and figures of a paper, as we measured them, and their page."""

import dataclasses
import json
import os
import statistics
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo.atomic_write import atomic_write

PAGE = "README.md"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A table or figure: the paper's numbers and ours.

    Args:
        name: Short name, such as `tab4`, and that of its files.
        title: What it shows.
        header: Names of the columns.
        rows: Cells of the table, as Markdown.
        notes: Sentences: what differs from the paper, and which of its claims
            hold.
        data: The numbers, unrounded, as values that JSON can hold.
        provenance: What they were measured with (settings, seed, commit,
            versions, date), as values that JSON can hold.
        picture: Name of the picture's file, if there is one.
    """

    name: str
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
    picture: str | None = None

    def to_json(self, path: str | os.PathLike) -> None:
        """Writes the exhibit as JSON; the file appears whole or not at all."""
        text = json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False)
        with atomic_write(path) as temporary:
            temporary.write_text(text + "\n", "utf-8")

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> "Exhibit":
        """Reads what `to_json` wrote."""
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
        fields["rows"] = tuple(map(tuple, fields["rows"]))
        for name in ("header", "notes"):
            fields[name] = tuple(fields[name])
        return cls(**fields)

    def to_markdown(self) -> str:
        """Returns the exhibit as a section: table, picture and notes."""
        rules = ("---", *("--:",) * (len(self.header) - 1))
        lines = [f"## {self.title}", ""]
        lines += [
            f"| {' | '.join(row)} |" for row in (self.header, rules, *self.rows)
        ]
        if self.picture is not None:
            lines += ["", f"![{self.title}]({self.picture})"]
        lines += ["", *(f"- {note}" for note in self.notes)]
        commit = self.provenance.get("commit") or "unknown"
        lines += [
            f"- Measured at commit `{commit}`, seed "
            f"{self.provenance['seed']}; all numbers: [{self.name}.json]"
            f"({self.name}.json).",
        ]
        return "\n".join(lines) + "\n"


def check_exhibits(only: Sequence[str], known: Sequence[str]) -> None:
    """Raises a `ValueError` if a name in `only` is unknown."""
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ValueError(
            f"The exhibits are {', '.join(known)}. "
            f"Received: {', '.join(unknown)}"
        )


def write_exhibits(
    measures: Mapping[str, Callable[[], Exhibit]],
    output: str | os.PathLike,
    *,
    known: Sequence[str],
    head: str,
) -> list[Exhibit]:
    """Measures exhibits and writes each as soon as it is measured.

    Each is a JSON file. The page shows all exhibits in the folder, those of
    earlier calls too.

    Args:
        measures: How to measure each exhibit, by its name.
        output: Folder to write to.
        known: Names of all exhibits, in the page's order.
        head: First lines of the page.

    Returns:
        The exhibits that were measured.
    """
    output = Path(output)
    exhibits = []
    for name, measure in measures.items():
        exhibit = measure()
        exhibit.to_json(output / f"{name}.json")
        exhibits.append(exhibit)
        _write_page(output, known, head)
    return exhibits


def verdict(
    text: str,
    lower: float | None,
    higher: float | None,
    *,
    images: int | None = None,
) -> str:
    """Returns a sentence that says whether `higher` is above `lower`.

    Args:
        text: What the paper says.
        lower: Fraction that should be smaller; `None` if not measured.
        higher: Fraction that should be larger; `None` if not measured.
        images: Number of images behind each fraction. If given, a difference
            of up to 1.96 standard errors decides nothing. The standard error
            is that of two independent samples, which is cautious for
            fractions of the same images.
    """
    if lower is None or higher is None:
        return f"{text}: not measured."
    said = "holds" if higher > lower else "**does not hold**"
    if images is not None:
        variance = (lower * (1 - lower) + higher * (1 - higher)) / images
        if abs(higher - lower) <= 1.96 * variance**0.5:
            said = "**undecided**, within chance"
    return f"{text}: {said} ({higher:.1%} against {lower:.1%})."


def mean_and_std(values: Sequence[float], *, percent: bool = True) -> str:
    """Returns the mean, and the standard deviation of several, as text.

    Args:
        values: One value a seed.
        percent: Whether to show fractions in percent, with one digit after
            the point; otherwise values have three.
    """
    scale, digits = (100, 1) if percent else (1, 3)
    text = f"{scale * statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {scale * statistics.stdev(values):.{digits}f}"
    return text


def _write_page(output, known, head):
    exhibits = [
        Exhibit.from_json(output / f"{name}.json")
        for name in known
        if (output / f"{name}.json").exists()
    ]
    sections = [head, *(exhibit.to_markdown() for exhibit in exhibits)]
    with atomic_write(output / PAGE) as temporary:
        temporary.write_text("\n".join(sections), "utf-8")
