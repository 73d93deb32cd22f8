"""`zoo export`."""

import argparse
import json
import re
import shlex
from pathlib import Path

from zoo.cli.activity import activity
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.models import add_classes_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.saved_model_folder import check_served_name

_FORMATS = ("onnx", "openvino", "litert", "torch")
_POLICIES = {
    "float32": "float32",
    "bfloat16": "mixed_bfloat16",
    "float16": "mixed_float16",
}


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
        type=_version,
        default=1,
        metavar="N",
        help="number of the version, from 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the same version"
    )
    parser.add_argument(
        "--format",
        choices=("saved_model", *_FORMATS),
        default="saved_model",
        help="what to write (default: %(default)s, for TensorFlow Serving)",
    )
    parser.add_argument(
        "--precision",
        choices=sorted(_POLICIES),
        help="type that a preset calculates in (default: Keras' own, float32)",
    )
    parser.add_argument(
        "--fold-batch-norm",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="fold batch norms into the convolutions before them (default: in "
        "float32 alone)",
    )
    parser.add_argument(
        "--int8",
        type=at_least(1),
        metavar="N",
        help="for openvino: convolutions of 8 bits, their ranges measured on N "
        "packaged images",
    )
    saved_model = parser.add_argument_group("saved_model alone")
    saved_model.add_argument(
        "--seed",
        type=at_least(0),
        metavar="N",
        help="for debugging: freeze a randomised model's noise",
    )
    saved_model.add_argument(
        "--seeded",
        action="store_true",
        help="for debugging: add a signature that takes the noise's seed",
    )
    saved_model.add_argument(
        "--check-pixels",
        action="store_true",
        help="let the served model refuse pixels outside [0, 1]",
    )
    saved_model.add_argument(
        "--allow-cpu-op",
        action="append",
        default=[],
        metavar="OP",
        help="allow an op that no GPU runs; may be repeated",
    )
    saved_model.add_argument(
        "--bundle",
        action="store_true",
        help="also write DIR/serving: a server's configuration, manifests of "
        "Docker Compose and Kubernetes, and a smoke test",
    )
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Writes a model for a server, checked in the runtime that loads it."""
    named = NamedModel.parse(
        options.model,
        classes=options.classes,
        kinds=("preset", "keras_file"),
        trusted=options.trust,
    )
    _check_options(options, named)
    version = options.path / str(options.version)
    if version.exists() and not options.overwrite:
        raise FileExistsError(
            "The version must be a new one, unless --overwrite is given. "
            f"{_bundle_alone(options)}Received: {version}, which exists"
        )
    check_writable(version / "saved_model.pb")
    if options.bundle:
        check_served_name(options.path.absolute().name)
        check_writable(options.path / "serving" / "models.config")
    from zoo import exports

    model = named.load(policy=_POLICIES.get(options.precision))
    named.class_names(model.output_shape[-1])
    shared = {
        "version": options.version,
        "classes": named.classes or None,
        "fold_batch_norm": options.fold_batch_norm,
        "overwrite": options.overwrite,
    }
    with activity(
        f"Writing {version} and checking it", enabled=not options.json
    ):
        if options.format == "saved_model":
            report = exports.save(
                model,
                options.path,
                signatures=_signatures(model, options.seeded),
                seed=options.seed,
                check_pixels=options.check_pixels,
                allow_cpu_ops=options.allow_cpu_op,
                **shared,
            )
        else:
            report = exports.convert(
                model,
                options.path,
                options.format,
                int8_images=_images(named, model, options.int8),
                **shared,
            )
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    table.add_row("size", f"{report.size_bytes / 1e6:.1f} MB")
    table.add_row(*_comparison(report, options))
    table.add_row("randomised", "yes" if report.stochastic else "no")
    table.add_row("batch norms folded", str(report.folded))
    if options.format == "saved_model":
        _add_signatures(table, report)
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
        if not bundle.merging:
            table.add_row(
                "batching",
                "none: images of one call share the model's random draws",
            )
        if not bundle.live:
            table.add_row(
                "not live yet",
                f"{bundle.path / 'models.config'} was kept; to roll out, put "
                f"version {options.version} there",
            )
        for name in bundle.edited:
            table.add_row(
                "kept, since edited",
                f"{bundle.path / name}; the new one is {name}.new beside it",
            )
        data["bundle"] = bundle.to_dict()
    emit(options, data, str(report.path), table)


def _check_options(options, named: NamedModel) -> None:
    """Refuses options that don't go together, before anything is loaded."""
    if options.precision and not named.is_preset:
        raise ValueError(
            "--precision is for presets; build your own model under "
            "keras.config.set_dtype_policy. "
            f"Received: {named.name} with --precision {options.precision}"
        )
    if options.int8 and not named.is_preset:
        raise ValueError(
            "--int8 is for presets, which have images in the package; for "
            "your own model call zoo.exports.convert with int8_images. "
            f"Received: {named.name} with --int8"
        )
    if options.int8 and options.format != "openvino":
        raise ValueError(
            "--int8 is for --format openvino. "
            f"Received: --format {options.format}"
        )
    if options.format == "saved_model":
        return
    for name in ("seed", "seeded", "check_pixels", "allow_cpu_op", "bundle"):
        if getattr(options, name) not in (None, False, []):
            raise ValueError(
                f"--{name.replace('_', '-')} is for --format saved_model. "
                f"Received: --format {options.format}"
            )


def _bundle_alone(options) -> str:
    """Says how a version that is there gets a bundle, if one is asked for."""
    if not options.bundle:
        return ""
    path = json.dumps(str(options.path), ensure_ascii=False)
    code = (
        "from zoo.exports import serving; "
        f"serving.write_bundle({path}, version={options.version})"
    )
    return f"To write only its bundle: python -c {shlex.quote(code)}. "


def _signatures(model, seeded: bool) -> tuple[str, ...] | None:
    """Returns the default signatures, and `seeded` if it is asked for."""
    if not seeded:
        return None
    from zoo.inspection import explanation

    parts = ("explain",) if explanation(model) is not None else ()
    return ("serving_default", "serving_bytes", *parts, "seeded")


def _images(named: NamedModel, model, count: int | None):
    """Returns images of a preset's set, to measure ranges on."""
    if count is None:
        return None
    from zoo.cli.data import NamedImages

    images, _ = NamedImages.default(named, count).load(model)
    return images


def _comparison(report, options) -> tuple[str, str]:
    """Returns what the written file was compared with, and the result."""
    if options.int8 is not None:
        return (
            "int8 against floating point",
            f"the same class in {100 * report.int8_agreement:.1f} %, logits "
            f"within {report.int8_max_abs_difference:.2g}",
        )
    difference = report.max_abs_difference
    found = (
        f"logits within {difference:.2g}" if difference else "the same logits"
    )
    if options.format == "saved_model":
        return "against Keras, through the C++ loader", found
    return f"against Keras, in {options.format}", found


def _add_signatures(table, report) -> None:
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


def _folder(text: str) -> Path:
    """Reads a path, which would make `gs:/bucket` of `gs://bucket`."""
    if "://" in text:
        raise argparse.ArgumentTypeError(
            f"must be a local folder; copy it from there. Received: {text}"
        )
    return Path(text)


def _version(text: str) -> int:
    """Reads a version's number, written as the folder is named."""
    if re.fullmatch("0[0-9]+", text):
        raise argparse.ArgumentTypeError(
            f"must have no leading zeros. Received: {text:.100}"
        )
    if not re.fullmatch("-?[0-9]+", text):
        raise argparse.ArgumentTypeError(
            f"must be a whole number from 1. Received: {text:.100}"
        )
    return at_least(1)(text)
