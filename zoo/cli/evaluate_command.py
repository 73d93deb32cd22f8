"""`zoo evaluate`."""

import argparse
from pathlib import Path

import zoo
from zoo.cli.card_check import check_card
from zoo.cli.default_attack import default_spec
from zoo.cli.default_attack import default_threat
from zoo.cli.models import add_data_arguments
from zoo.cli.models import add_model_argument
from zoo.cli.models import load_images
from zoo.cli.models import load_model
from zoo.cli.output import add_json_argument
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_argument(parser)
    parser.add_argument(
        "--attack",
        action="append",
        dest="attacks",
        metavar="SPEC",
        help="attack and its options, such as 'pgd:norm=l2,eps=1.0'; may be "
        "given several times (default: pgd of 40 steps in the card's ball, "
        "of 2 draws against a randomised model)",
    )
    add_data_arguments(parser, limit=512)
    parser.add_argument(
        "--attack-limit",
        type=int,
        metavar="N",
        help="images to attack, from the front (default: all taken)",
    )
    parser.add_argument("--batch-size", type=int, default=128, metavar="N")
    parser.add_argument(
        "--draws",
        type=int,
        default=10,
        metavar="N",
        help="predictions that score each image of a randomised model "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--attack-policy",
        metavar="POLICY",
        help="dtype policy of the twin of a preset that the attacks are run "
        "on, such as mixed_bfloat16, which is faster (default: the model "
        "itself, float32)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="also write the report, as .json or .md",
    )
    parser.add_argument(
        "--write-card",
        action="store_true",
        help="record the numbers in the preset's card, if they are on its own "
        "data set and the sources are committed",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Measures a model and prints the report."""
    if options.output and options.output.suffix not in (".json", ".md"):
        raise ValueError(
            f"--output must end in .json or .md. Received: {options.output}"
        )
    preset = None if options.model.endswith(".keras") else options.model
    if options.write_card and preset is None:
        raise ValueError(
            f"--write-card takes a preset. Received: {options.model}"
        )
    if options.write_card:
        check_card(preset, options.data)
    if options.attack_policy and preset is None:
        raise ValueError(
            f"--attack-policy takes a preset. Received: {options.model}"
        )
    from training import evaluation

    threat = default_threat(options.model)
    model = load_model(options.model)
    surrogate = None
    if options.attack_policy:
        surrogate = load_model(options.model, policy=options.attack_policy)
    report = evaluation.evaluate(
        model,
        load_images(options),
        options.attacks or [default_spec(model, threat)],
        threat=threat,
        attack_limit=options.attack_limit,
        batch_size=options.batch_size,
        draws=options.draws,
        seed=options.seed,
        surrogate=surrogate,
        progress=not options.json,
        name=options.model,
        dataset_name=f"{options.data}, {options.split}",
    )
    if options.output and options.output.suffix == ".json":
        report.to_json(options.output)
    elif options.output:
        report.to_markdown(options.output)
    emit(options, report.to_dict(), report.table())
    if options.write_card:
        zoo.write_card(
            preset, report.measurements(), parameters=model.count_params()
        )
