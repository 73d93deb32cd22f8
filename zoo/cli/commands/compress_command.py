"""`zoo compress`."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.atomic_write import atomic_write
from zoo.cli.activity import activity
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import add_seed_argument
from zoo.cli.arguments import at_least
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.cli.output import printable
from zoo.cli.saliency import DEFAULT_MODEL
from zoo.cli.saliency import ModelSaliency
from zoo.cli.saliency import draw_map
from zoo.cli.saliency import map_file
from zoo.cli.saliency import parse_saliency
from zoo.pictures import is_hidden

if TYPE_CHECKING:
    import numpy as np

    from zoo.jpeg.file_writer import TransformedPicture

PICTURES = tuple(".bmp .gif .jpeg .jpg .png .tif .tiff .webp".split())
"""Suffixes of the files of a folder that are compressed."""

_OUTPUTS = (".jpeg", ".jpg")

_SEMANTIC = {
    "model": None,
    "saliency": None,
    "rule": "decile",
    "levels": 9,
    "min_quality": 20,
    "max_quality": 90,
    "match_quality": None,
    "map": False,
}
"""Options that need `--semantic`, and their defaults."""

_QUALITY = 75


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="IN",
        help="picture, or folder of pictures; what is transparent is laid "
        "over black",
    )
    parser.add_argument(
        "output",
        type=Path,
        metavar="OUT",
        help="JPEG file, or folder that gets a JPEG file for each picture",
    )
    parser.add_argument(
        "--quality",
        type=at_least(1, most=100),
        metavar="Q",
        help=f"of plain JPEG (default: {_QUALITY})",
    )
    parser.add_argument(
        "--subsampling",
        choices=("4:2:0", "4:4:4"),
        default="4:2:0",
        help="of the chroma (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist"
    )
    _add_semantic_arguments(parser.add_argument_group("saliency"))
    add_seed_argument(parser, "what the model draws at random")
    add_trust_argument(parser)
    add_json_argument(parser)


def _add_semantic_arguments(parser) -> None:
    quality = at_least(1, most=100)
    # Defaults are filled in later: here, `None` says that none was given.
    parser.add_argument(
        "--semantic",
        action="store_true",
        help="give each 8x8 block a quality by its saliency",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="preset or .keras file whose saliency map is taken "
        f"(default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--saliency",
        type=Path,
        metavar="PATH",
        help="grey picture that is the map, white for salient; for a folder, "
        "a folder of PNG files of the pictures' names",
    )
    parser.add_argument(
        "--rule",
        choices=("decile", "linear"),
        help="rank the blocks, or cut [0, 1] into equal steps, as for grey "
        f"masks (default: {_SEMANTIC['rule']})",
    )
    parser.add_argument(
        "--levels",
        type=at_least(2, most=100),
        metavar="N",
        help=f"different qualities (default: {_SEMANTIC['levels']})",
    )
    parser.add_argument(
        "--min-quality",
        type=quality,
        metavar="Q",
        help="of the least salient blocks "
        f"(default: {_SEMANTIC['min_quality']})",
    )
    parser.add_argument(
        "--max-quality",
        type=quality,
        metavar="Q",
        help="of the most salient blocks "
        f"(default: {_SEMANTIC['max_quality']})",
    )
    parser.add_argument(
        "--match-quality",
        type=quality,
        metavar="Q",
        help="choose the qualities so that the file is as large as plain "
        "JPEG of this quality",
    )
    parser.add_argument(
        "--map",
        action="store_const",
        const=True,
        help="draw picture, saliency and qualities into OUT.map.png",
    )


def run(options: argparse.Namespace) -> None:
    """Writes standard JPEG files."""
    _fill_in(options)
    jobs = _plan(options)
    saliency = parse_saliency(options) if options.semantic else None
    said = not options.json
    if isinstance(saliency, ModelSaliency):
        with activity(f"Loading {saliency.named.name}", enabled=said):
            saliency.load()
    rows, refused = [], []
    with _progress(len(jobs), enabled=said) as advance:
        for source, target in jobs:
            try:
                rows.append(_compress(source, target, saliency, options))
            except ValueError as error:
                if not options.source.is_dir():
                    raise
                refused.append({"picture": str(source), "reason": str(error)})
            advance()
    data = {"pictures": rows, "refused": refused}
    emit(options, data, *_shown(rows, refused))
    if refused:
        raise ValueError(
            f"{len(refused)} of {len(jobs)} pictures could not be compressed; "
            f"the first: {refused[0]['reason']}"
        )


def _fill_in(options) -> None:
    """Checks which options go together, and fills in defaults."""
    given = [n for n in _SEMANTIC if getattr(options, n) is not None]
    if given and not options.semantic:
        raise ValueError(
            f"--{given[0].replace('_', '-')} needs --semantic. "
            "Received: no --semantic"
        )
    if options.quality is not None and options.semantic:
        raise ValueError(
            "--semantic has --min-quality and --max-quality, or "
            f"--match-quality. Received: --quality={options.quality}"
        )
    if options.match_quality is not None and options.max_quality is not None:
        raise ValueError(
            "--match-quality finds the highest quality itself. "
            f"Received: --max-quality={options.max_quality}"
        )
    for name, default in {**_SEMANTIC, "quality": _QUALITY}.items():
        if getattr(options, name) is None:
            setattr(options, name, default)
    limit = "match" if options.match_quality is not None else "max"
    highest = getattr(options, f"{limit}_quality")
    if options.min_quality > highest:
        raise ValueError(
            f"--min-quality must not be above --{limit}-quality. Received: "
            f"{options.min_quality} and {highest}"
        )


def _plan(options) -> list[tuple[Path, Path]]:
    """Returns each picture and the file that is written for it.

    Raises:
        OSError: If a picture is missing, or a file exists or cannot be
            written.
        ValueError: If two pictures would become one file, or a file would
            replace its picture.
    """
    source, output = options.source, options.output
    if source.is_dir():
        if output.resolve().is_relative_to(source.resolve()):
            raise ValueError(
                f"OUT must be a folder outside IN. Received: {output}"
            )
        pictures = [
            path
            for path in sorted(source.rglob("*"))
            if path.suffix.lower() in PICTURES
            and path.is_file()
            and not any(map(is_hidden, path.relative_to(source).parts))
        ]
        if not pictures:
            raise ValueError(
                f"IN must hold pictures ({', '.join(PICTURES)}). "
                f"Received: the folder {source}"
            )
        jobs = [
            (path, output / path.relative_to(source).with_suffix(".jpg"))
            for path in pictures
        ]
    else:
        if not source.is_file():
            raise FileNotFoundError(
                f"The picture must exist. Received: {source}"
            )
        if output.suffix.lower() not in _OUTPUTS:
            raise ValueError(
                f"OUT must end in {' or '.join(_OUTPUTS)}. Received: {output}"
            )
        jobs = [(source, output)]
    _check_targets(jobs, options)
    return jobs


def _check_targets(jobs, options) -> None:
    first = {}
    for source, target in jobs:
        if target in first:
            raise ValueError(
                "Each picture needs a file of its own. Received: "
                f"{first[target]} and {source}, both for {target}"
            )
        first[target] = source
        written = [target, map_file(target)] if options.map else [target]
        for path in written:
            check_writable(path)
            for read in filter(None, (source, options.saliency)):
                if path.exists() and read.exists() and path.samefile(read):
                    raise ValueError(
                        "A picture that is read is not replaced. "
                        f"Received: {path}, which would be written"
                    )
            if path.exists() and not options.overwrite:
                raise FileExistsError(
                    "What is written must be new, unless --overwrite is "
                    f"given. Received: {path}, which exists"
                )


def _compress(source, target, saliency, options) -> dict:
    """Writes one file and says what is in it."""
    import numpy as np

    from zoo.jpeg.file_writer import Metadata
    from zoo.jpeg.file_writer import TransformedPicture
    from zoo.jpeg.file_writer import writes_exactly
    from zoo.pictures import read_stored_picture

    stored = read_stored_picture(source)
    picture = TransformedPicture(
        stored.pixels,
        options.subsampling,
        Metadata(stored.orientation, stored.icc_profile),
    )
    found, plain = None, None
    if saliency is None:
        quality = np.full(picture.blocks, options.quality)
        written = picture.encode(quality, exact=writes_exactly())
    else:
        found = saliency.find(stored, source)
        written, quality, plain = _encode_semantic(picture, found, options)
    row = {
        "picture": str(source),
        "output": str(target),
        "bytes": len(written),
        "lowest_quality": int(quality.min()),
        "highest_quality": int(quality.max()),
        "plain_bytes": plain,
        "exact": writes_exactly(),
    }
    with atomic_write(target) as temporary:
        temporary.write_bytes(written)
        if options.map:  # If drawing fails, no JPEG file stays either.
            row["map"] = str(map_file(target))
            title = (
                f"{printable(target.name)}: {len(written):,} bytes, quality "
                f"{quality.min()} to {quality.max()}"
            )
            draw_map(stored, found, quality, map_file(target), title=title)
    return row


def _encode_semantic(
    picture: "TransformedPicture", found: "np.ndarray", options
) -> tuple[bytes, "np.ndarray", int | None]:
    """Returns the file, its blocks' qualities and the size it matches."""
    from keras import ops

    from zoo.jpeg.file_writer import writes_exactly
    from zoo.jpeg.saliency_quality import RULES
    from zoo.jpeg.saliency_quality import block_means
    from zoo.jpeg.saliency_quality import level_qualities

    levels = RULES[options.rule](block_means(found[None]), options.levels)
    levels = ops.convert_to_numpy(levels)[0].astype("int32")
    exact = writes_exactly()
    if options.match_quality is not None:
        return picture.match_size(
            levels / (options.levels - 1),
            min_quality=options.min_quality,
            match_quality=options.match_quality,
            exact=exact,
        )
    qualities = level_qualities(
        options.min_quality, options.max_quality, options.levels
    )
    quality = qualities[levels].astype("int32")
    return picture.encode(quality, exact=exact), quality, None


@contextlib.contextmanager
def _progress(count: int, *, enabled: bool):
    """Yields a function that counts a picture as done."""
    import rich.progress
    from rich.console import Console

    console = Console(stderr=True)
    bar = rich.progress.Progress(
        rich.progress.TextColumn("Compressing", markup=False),
        rich.progress.BarColumn(bar_width=20),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        disable=not (enabled and console.is_terminal),
    )
    with (
        activity(
            f"Compressing {count} picture{'s' if count > 1 else ''}",
            enabled=enabled and not sys.stderr.isatty(),
        ),
        bar,
    ):
        task = bar.add_task("", total=count)
        yield lambda: bar.advance(task)


def _shown(rows, refused) -> list:
    """Returns the table of what was written, and lines on what was not."""
    from rich.table import Table

    table = Table("file", "bytes", "quality")
    matched = any(row["plain_bytes"] for row in rows)
    if matched:
        table.add_column("bytes of plain JPEG")
    for row in rows:
        low, high = row["lowest_quality"], row["highest_quality"]
        cells = [
            printable(row["output"]),
            f"{row['bytes']:,}",
            str(low) if low == high else f"{low} to {high}",
        ]
        if matched:
            difference = row["bytes"] / row["plain_bytes"] - 1
            cells.append(f"{row['plain_bytes']:,} ({difference:+.1%})")
        table.add_row(*cells)
    shown = [table] if rows else []
    if rows and not rows[0]["exact"]:
        shown.append(
            "Written by Pillow; with jpeglib (pip install 'defense-zoo[jpeg]') "
            "coefficients are written as they are."
        )
    return [*shown, *(f"refused: {row['reason']}" for row in refused)]
