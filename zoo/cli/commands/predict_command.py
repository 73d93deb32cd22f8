"""`zoo predict`."""

import argparse
from pathlib import Path

from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import at_least
from zoo.cli.models import NamedModel
from zoo.cli.models import add_classes_argument
from zoo.cli.models import add_image_size_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_png
from zoo.cli.output import emit
from zoo.cli.output import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "pictures",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="picture file; what is transparent is laid over black",
    )
    parser.add_argument(
        "--model",
        default="irm_wrn16_2",
        metavar="NAME",
        help="preset, .keras file or SavedModel (default: %(default)s)",
    )
    parser.add_argument(
        "--top",
        type=at_least(1),
        default=3,
        help="classes shown (default: %(default)s)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="also draw what the verdicts rest on, if the model marks it",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="PNG",
        help="picture that --explain writes (default: explanation.png)",
    )
    add_classes_argument(parser, "the card's or the export's, else numbers")
    add_image_size_argument(parser)
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Classifies pictures, resized to the model's input."""
    if options.explain:
        options.output = options.output or Path("explanation.png")
        check_png(options.output)
    elif options.output:
        raise ValueError(
            "--output is the picture that --explain writes. "
            f"Received: --output={options.output} without --explain"
        )
    named = NamedModel.parse(
        options.model, classes=options.classes, trusted=options.trust
    )
    for path in options.pictures:
        if path.is_dir():
            raise IsADirectoryError(
                "What is classified must be pictures, such as "
                f"{path}/*.png. Received: the folder {path}"
            )
        if not path.is_file():
            raise FileNotFoundError(f"The picture must exist. Received: {path}")
        if options.explain and path.resolve() == options.output.resolve():
            raise ValueError(
                "--output must not be a picture that is classified. "
                f"Received: {path}"
            )
    import numpy as np

    from zoo.pictures import read_picture

    model = named.load(image_size=options.image_size)
    shape = named.image_shape(model, options.image_size)
    names = named.class_names(model.output_shape[-1])
    pictures = [read_picture(path, shape) for path in options.pictures]
    images = np.stack(pictures).astype("float32") / 255.0
    if options.explain:
        from zoo.training.evaluation.plots.explanation import explain

        logits, parts = explain(model, images)
    else:
        logits = model.predict(images, verbose=0)
    from keras import ops

    probabilities = np.asarray(ops.softmax(logits))
    if not np.isfinite(probabilities).all():
        raise ValueError(
            "The model's logits must be finite. "
            f"Received: {options.model}, which gives others for the pictures"
        )
    predictions = []
    for path, row in zip(options.pictures, probabilities, strict=True):
        best = np.argsort(row)[::-1][: options.top]
        predictions.append(
            {
                "picture": str(path),
                "classes": [
                    {"class": names[i], "probability": float(row[i])}
                    for i in best
                ],
            }
        )
    if options.explain:
        from zoo.training.evaluation.plots.explanation import (
            explanation_picture,
        )

        explanation_picture(
            images,
            [path.name for path in options.pictures],
            probabilities,
            parts,
            names,
            options.output,
            title=f"What {options.model} rests its verdicts on",
        )
        for prediction in predictions:
            prediction["explanation"] = str(options.output)
    from rich.table import Table

    table = Table()
    table.add_column("picture", overflow="fold")
    for index in range(len(best)):
        table.add_column(f"class {index + 1}")
    for prediction in predictions:
        table.add_row(
            printable(prediction["picture"]),
            *(
                f"{printable(c['class'])} {c['probability']:.1%}"
                for c in prediction["classes"]
            ),
        )
    lines = [f"Picture: {options.output}"] if options.explain else []
    emit(options, predictions, table, *lines)
