"""`zoo demo`."""

import argparse
from pathlib import Path

import zoo
from zoo.cli.activity import activity
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import at_least
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import title
from zoo.cli.data import SAMPLE
from zoo.cli.output import check_writable
from zoo.cli.output import emit

UNDEFENDED, DEFENDED = "wrn16_2", "irm_wrn16_2"
IMAGES, PICTURED = 512, 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("zoo-demo"),
        metavar="DIR",
        help="picture, reports and SavedModel (default: %(default)s)",
    )
    parser.add_argument(
        "--images",
        type=at_least(1, most=IMAGES),
        default=128,
        metavar="N",
        help=f"images attacked, at most {IMAGES} (default: %(default)s)",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Loads, attacks, compares, draws, exports, and serves one prediction."""
    picture = options.output / "attack.png"
    check_writable(picture)
    from zoo import exports
    from zoo.training import datasets
    from zoo.training import evaluation

    said = not options.json
    card = zoo.info(DEFENDED)
    threat, classes = card.threat, card.classes
    dataset = datasets.load(SAMPLE).take(options.images)
    images, labels = next(iter(dataset.batch(options.images)))
    images, labels = images.numpy(), labels.numpy()
    models = {name: zoo.load(name) for name in (UNDEFENDED, DEFENDED)}
    attack_on = {
        name: bind_attacks([DEFAULT_ATTACK], threat, model, seed=0)[0]
        for name, model in models.items()
    }
    options.output.mkdir(parents=True, exist_ok=True)
    reports = {}
    for name, model in models.items():
        reports[name] = evaluation.evaluate(
            model,
            (images, labels),
            [attack_on[name]],
            progress=said,
            name=name,
            dataset_name=SAMPLE,
        )
        reports[name].to_json(options.output / f"{name}.json")
    pictured, truth = images[:PICTURED], labels[:PICTURED]
    with activity("Drawing attacked images", enabled=said):
        evaluation.picture(
            pictured,
            truth,
            [
                evaluation.AttackedImages.from_model(
                    model, attack_on[name], pictured, truth, name=name
                )
                for name, model in models.items()
            ],
            classes,
            picture,
            title=f"{title(DEFAULT_ATTACK, attack_on[DEFENDED])} on {SAMPLE}",
        )
    with activity("Writing a SavedModel and checking it", enabled=said):
        export = exports.save(
            models[DEFENDED],
            options.output / "served" / DEFENDED,
            classes=classes,
            overwrite=True,
        )
    with exports.SavedModelSession(export.path) as session:
        served = session.run("serving_default", {"image": pictured})
    answers = [classes[i] for i in served["classes"]]
    data = {
        "attacks": {name: repr(attack) for name, attack in attack_on.items()},
        "reports": {name: r.to_dict() for name, r in reports.items()},
        "picture": str(picture),
        "export": export.to_dict(),
        "served": answers,
        "labels": [classes[i] for i in truth],
    }
    emit(
        options,
        data,
        _comparison(reports, threat),
        f"Picture: {picture}",
        f"SavedModel: {export.path} ({export.size_bytes / 1e6:.1f} MB), "
        f"logits through TensorFlow's C++ loader {_agreement(export)}.",
        f"Served: {', '.join(answers)}",
    )


def _agreement(export) -> str:
    """Says how far an export's logits are from Keras'."""
    difference = export.max_abs_difference
    return f"within {difference:.2g} of Keras'" if difference else "as Keras'"


def _comparison(reports, threat):
    """The demo's numbers and the cards', each with the effort behind it."""
    from rich.table import Table

    table = Table(
        *("model", "clean", "attacked here", "the card says"),
        title=f"PGD in {threat}",
        show_lines=True,
    )
    for name, report in reports.items():
        clean, attacked, *_ = map(
            zoo.Measurement.from_dict, report.measurements()
        )
        table.add_row(
            name,
            f"{clean.accuracy:.1%}",
            _with_effort(attacked),
            _with_effort(zoo.info(name).find(attacked.attack, threat)),
        )
    return table


def _with_effort(measurement: zoo.Measurement | None) -> str:
    if measurement is None:
        return "–"
    return f"{measurement.estimate}\n{measurement.effort}"
