"""`zoo export`."""

import argparse
from pathlib import Path

from zoo.cli.activity import activity
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.models import add_classes_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "model", metavar="NAME", help="preset (see `zoo list`) or .keras file"
    )
    parser.add_argument(
        "path", type=_folder, metavar="DIR", help="DIR/<version> is written"
    )
    add_classes_argument(parser, "the card's")
    parser.add_argument(
        "--version",
        type=at_least(0),
        default=1,
        metavar="N",
        help="number of the version (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the same version"
    )
    parser.add_argument(
        "--seed",
        type=at_least(0),
        metavar="N",
        help="for debugging: freeze a randomised model's noise",
    )
    parser.add_argument(
        "--check-pixels",
        action="store_true",
        help="let the served model refuse pixels outside [0, 1]",
    )
    parser.add_argument(
        "--bundle",
        action="store_true",
        help="also write DIR/serving: a server's configuration, manifests of "
        "Docker Compose and Kubernetes, and a smoke test",
    )
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a SavedModel, checked through TensorFlow's C++ loader."""
    named = NamedModel.parse(
        options.model,
        classes=options.classes,
        kinds=("preset", "keras_file"),
        trusted=options.trust,
    )
    version = options.path / str(options.version)
    if version.exists() and not options.overwrite:
        raise FileExistsError(
            "The version must be a new one, unless --overwrite is given. "
            f"Received: {version}, which exists"
        )
    check_writable(version / "saved_model.pb")
    from zoo import exports

    model = named.load()
    named.class_names(model.output_shape[-1])
    with activity(
        f"Writing {version} and checking it", enabled=not options.json
    ):
        report = exports.save(
            model,
            options.path,
            version=options.version,
            classes=named.classes or None,
            seed=options.seed,
            overwrite=options.overwrite,
            check_pixels=options.check_pixels,
        )
    from rich.table import Table

    table = Table(show_header=False)
    table.add_row("size", f"{report.size_bytes / 1e6:.1f} MB")
    table.add_row(
        "against Keras, through the C++ loader",
        f"logits within {report.max_abs_difference:.2g}"
        if report.max_abs_difference
        else "the same logits",
    )
    table.add_row("randomised", "yes" if report.stochastic else "no")
    for name, tensors in report.signatures.items():
        table.add_row(
            name,
            "\n".join(
                f"{direction[:-1]} {tensor} {kind}"
                for direction, group in tensors.items()
                for tensor, kind in group.items()
            ),
        )
        missing = report.cpu_only_ops[name]
        table.add_row(
            f"{name}: ops without a GPU kernel",
            ", ".join(f"{op} ({n})" for op, n in missing.items()) or "none",
        )
    data = report.to_dict()
    if options.bundle:
        with activity(
            "Measuring batches and writing the bundle", enabled=not options.json
        ):
            bundle = exports.serving.write_bundle(
                options.path, version=options.version
            )
        table.add_row("bundle", str(bundle.path))
        table.add_row("largest batch", f"{bundle.batches.largest} images")
        data["bundle"] = bundle.to_dict()
    emit(options, data, str(report.path), table)


def _folder(text: str) -> Path:
    """Reads a path, which would make `gs:/bucket` of `gs://bucket`."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"must be a local folder; copy it from there. Received: {text}"
        )
    return Path(text)
