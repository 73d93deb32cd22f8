"""Tables of annotations, as CSV."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path


def read_table(
    path: str | os.PathLike, columns: Sequence[str], *, delimiter: str = ","
) -> list[dict[str, str]]:
    """Reads a CSV file with a header, in UTF-8, with a mark or without.

    Args:
        path: File to read.
        columns: Names that the header must have, among others.
        delimiter: Between two cells.

    Returns:
        Each row's cells by column. All of `columns` have one, perhaps empty.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the header lacks a column, a row ends before one, or
            the file is not UTF-8; the message names the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no such file: {path}")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        try:
            header, rows = reader.fieldnames or [], list(reader)
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(
                f"{path} must be a table in UTF-8. Received: {error}"
            ) from error
    missing = [name for name in columns if name not in header]
    if missing:
        raise ValueError(
            f"{path} must have the columns {', '.join(columns)}. "
            f"Received: no {', '.join(missing)}"
        )
    for number, row in enumerate(rows, 1):
        missing = [name for name in columns if row[name] is None]
        if missing:
            raise ValueError(
                f"Each row of {path} must have the columns "
                f"{', '.join(columns)}. "
                f"Received: row {number} without {', '.join(missing)}"
            )
    return rows
