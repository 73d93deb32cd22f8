"""`zoo demo`."""

import argparse
from pathlib import Path

import zoo
from zoo.cli.data import SAMPLE
from zoo.cli.output import add_json_argument
from zoo.cli.output import emit

TWIN, DEFENDED = "wrn16_2", "irm_wrn16_2"
PICTURED = 6


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
        type=int,
        default=128,
        metavar="N",
        help="images attacked, at most 512 (default: %(default)s)",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Loads, attacks, compares, draws, exports, and serves one prediction."""
    import exports
    from training import attacks
    from training import datasets
    from training import evaluation

    card = zoo.info(DEFENDED)
    threat, classes = card.threat, card.classes
    spec = f"pgd:norm={threat.norm},eps={threat.eps:g},steps=40,seed=0"
    attack = attacks.parse(spec)
    dataset = datasets.load(SAMPLE).take(options.images)
    images, labels = next(iter(dataset.batch(options.images)))
    images, labels = images.numpy(), labels.numpy()
    models = {name: zoo.load(name) for name in (TWIN, DEFENDED)}
    options.output.mkdir(parents=True, exist_ok=True)
    reports = {}
    for name, model in models.items():
        reports[name] = evaluation.evaluate(
            model,
            (images, labels),
            [attack],
            progress=not options.json,
            name=name,
            dataset_name=SAMPLE,
        )
        reports[name].to_json(options.output / f"{name}.json")
    picture = options.output / "attack.png"
    evaluation.picture(
        images[:PICTURED],
        labels[:PICTURED],
        [
            evaluation.Panel.of(
                model, attack, images[:PICTURED], labels[:PICTURED], name=name
            )
            for name, model in models.items()
        ],
        classes,
        picture,
        title=f"{spec} on {SAMPLE}",
    )
    export = exports.save(
        models[DEFENDED],
        options.output / "served" / DEFENDED,
        classes=classes,
        overwrite=True,
    )
    with exports.SavedModelSession(export.path) as session:
        served = session.run("serving_default", {"image": images[:PICTURED]})
    answers = [classes[i] for i in served["classes"]]
    truth = [classes[i] for i in labels[:PICTURED]]
    data = {
        "attack": repr(attack),
        "reports": {name: r.to_dict() for name, r in reports.items()},
        "picture": str(picture),
        "export": export.to_dict(),
        "served": answers,
        "labels": truth,
    }
    emit(options, data, _summary(reports, attack, picture, export, answers))


def _summary(reports, attack, picture, export, answers):
    from rich.console import Group
    from rich.table import Table

    table = Table(
        "model", "clean", "attacked", "the card says", title=repr(attack)
    )
    for name, report in reports.items():
        table.add_row(
            name,
            f"{report.clean_accuracy:.1%}",
            f"{report.attacks[0].robust.mean:.1%}",
            _card_says(name, attack),
        )
    return Group(
        table,
        f"Picture: {picture}",
        f"SavedModel: {export.path} ({export.size_bytes / 1e6:.1f} MB), "
        "logits through TensorFlow's C++ loader within "
        f"{export.max_abs_difference:.2g} of Keras'.",
        f"Served: {', '.join(answers)}",
    )


def _card_says(name: str, attack) -> str:
    """The card's accuracy under the demo's attack, with its interval."""
    for measurement in zoo.info(name).measurements:
        ball = (measurement.get("norm"), measurement.get("eps"))
        alone = not measurement.get("cumulative")
        if (
            alone
            and measurement["attack"] == attack.name
            and ball == (attack.threat.norm, attack.threat.eps)
        ):
            low, high = measurement["interval"]
            return (
                f"{measurement['accuracy']:.1%} ({low:.1%}–{high:.1%}, "
                f"{measurement['images']} images)"
            )
    return "–"
