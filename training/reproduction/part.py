"""One table or figure of a paper, and what we measured for it."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

from zoo.replacing import replacing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One table or figure: the paper's numbers and ours.

    Args:
        name: Short name, such as `tab4`, and that of its files.
        title: What it shows.
        header: Names of the columns.
        rows: Cells of the table, as Markdown.
        notes: Sentences: what differs from the paper, which of its claims
            hold.
        data: The numbers, unrounded, as values that JSON can hold.
        provenance: What they were measured with: settings, seed, commit,
            versions, dates, likewise.
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
        """Writes the part, replacing the file as a whole."""
        text = json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False)
        with replacing(path) as temporary:
            temporary.write_text(text + "\n", "utf-8")

    @classmethod
    def from_json(cls, path: str | os.PathLike) -> "Part":
        """Reads what `to_json` wrote."""
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
        fields["rows"] = tuple(map(tuple, fields["rows"]))
        for name in ("header", "notes"):
            fields[name] = tuple(fields[name])
        return cls(**fields)

    def to_markdown(self) -> str:
        """Returns the part as a section: table, picture and notes."""
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
