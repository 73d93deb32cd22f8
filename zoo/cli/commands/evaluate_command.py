"""`zoo evaluate`."""

import argparse
import os
import sys
from pathlib import Path

import zoo
from zoo.cards import card
from zoo.cli.attacks import default_spec
from zoo.cli.attacks import default_threat
from zoo.cli.data import add_data_arguments
from zoo.cli.data import check_data
from zoo.cli.data import fill_data
from zoo.cli.data import load_images
from zoo.cli.models import ATTACK_HELP
from zoo.cli.models import add_model_argument
from zoo.cli.models import add_transfer_argument
from zoo.cli.models import check_run
from zoo.cli.models import is_preset
from zoo.cli.models import load_attacks
from zoo.cli.models import load_model
from zoo.cli.output import add_json_argument
from zoo.cli.output import at_least
from zoo.cli.output import check_writable
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add_model_argument(parser)
    parser.add_argument(
        "--attack",
        action="append",
        dest="attacks",
        metavar="SPEC",
        help=f"{ATTACK_HELP}; or 'standard', AutoAttack in that ball, or in "
        "another as 'standard:norm=linf,eps=0.1', or 'rand', its version for "
        "randomised models; may be given several times (default: pgd of 40 "
        "steps; against a randomised model all take 2 draws unless told)",
    )
    parser.add_argument(
        "--skip-fooled",
        action="store_true",
        help="don't attack an image again in a ball where an attack fooled it; "
        "accuracies are then what is left after each attack (default: for a "
        "suite that stands alone)",
    )
    parser.add_argument(
        "--sanity",
        type=at_least(0),
        default=0,
        metavar="N",
        help="images for attacks that test whether the numbers can be trusted "
        "(default: %(default)s)",
    )
    add_transfer_argument(parser)
    add_data_arguments(parser, limit=512)
    parser.add_argument(
        "--attack-limit",
        type=at_least(1),
        metavar="N",
        help="images to attack, from the front (default: all taken)",
    )
    parser.add_argument(
        "--batch-size", type=at_least(1), default=128, metavar="N"
    )
    parser.add_argument(
        "--draws",
        type=at_least(1),
        default=10,
        metavar="N",
        help="predictions that score each image of a randomised model "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--runs",
        type=at_least(1),
        default=1,
        metavar="N",
        help="times that each attack is run; an image counts as it fared in "
        "the worst, and the runs' mean and spread are given "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--attack-policy",
        metavar="POLICY",
        help="dtype policy of the twin of a preset that the attacks are run "
        "on, such as mixed_bfloat16, which is faster (default: the model "
        "itself, float32)",
    )
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N")
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
        "data set, the sources are committed and no number of the same "
        "weights gives way to a weaker one",
    )
    parser.add_argument(
        "--replace-card",
        dest="write_card",
        action="store_const",
        const="replace",
        help="likewise, whatever numbers are lost",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="keep finished batches there, and go on after the last one if "
        "the same run was ended before",
    )
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Measures a model and prints the report."""
    if options.output and options.output.suffix not in (".json", ".md"):
        raise ValueError(
            f"--output must end in .json or .md. Received: {options.output}"
        )
    if options.output:
        check_writable(options.output)
    preset = options.model if is_preset(options.model) else None
    replace = options.write_card == "replace"
    if options.write_card and preset is None:
        raise ValueError(
            f"--write-card takes a preset. Received: {options.model}"
        )
    if options.attack_policy and preset is None:
        raise ValueError(
            f"--attack-policy takes a preset. Received: {options.model}"
        )
    if options.transfer_from and (options.write_card or options.attack_policy):
        raise ValueError(
            "--write-card and --attack-policy take attacks on the model "
            f"itself. Received: --transfer-from={options.transfer_from}"
        )
    check_run(options, options.attacks or [])
    fill_data(options)
    check_data(options.data)
    if options.write_card:
        check_card(
            preset,
            options.data,
            options.split,
            options.resume,
            images=None if replace else options.attack_limit or options.limit,
        )
    from zoo.training import datasets
    from zoo.training import evaluation
    from zoo.training.attacks.registry import SUITES
    from zoo.training.attacks.registry import attack_name

    threat = default_threat(options.model)
    model = load_model(options.model, image_size=options.image_size)
    specs = options.attacks or [default_spec(model, threat)]
    attacks = load_attacks(options, specs, threat, model=model)
    suite = len(specs) == 1 and attack_name(specs[0]) in SUITES
    surrogate = None
    if options.attack_policy:
        surrogate = load_model(options.model, policy=options.attack_policy)
    data = options.data
    if not datasets.is_folder(data):
        data += f", {options.split}"
    report = evaluation.evaluate(
        model,
        load_images(options, model),
        attacks,
        threat=threat,
        attack_limit=options.attack_limit,
        batch_size=options.batch_size,
        draws=options.draws,
        runs=options.runs,
        seed=options.seed,
        skip_fooled=options.skip_fooled or suite,
        sanity=options.sanity,
        surrogate=surrogate,
        resume=options.resume,
        progress=not options.json,
        name=options.model,
        dataset_name=data,
    )
    try:
        if options.output and options.output.suffix == ".json":
            report.to_json(options.output)
        elif options.output:
            report.to_markdown(options.output)
        if options.write_card:
            card = zoo.write_card(
                preset,
                report.measurements(),
                parameters=model.count_params(),
                replace=replace,
            )
            print(f"card: {card}", file=sys.stderr)
    finally:  # What was measured is told, whatever becomes of the files.
        emit(options, report.to_dict(), report.table())


def check_card(
    preset: str,
    data: str,
    split: str,
    resume: str | os.PathLike | None = None,
    *,
    images: int | None = None,
) -> None:
    """Raises an error if what is to be measured could not become a card.

    Args:
        preset: Name of the preset.
        data: Name of the data set to measure on.
        split: Its split.
        resume: Folder of the run that is gone on with, if one is.
        images: Most that will be attacked, if the card is not to be replaced
            by numbers on fewer than its own.

    Raises:
        ValueError: If the data set is not the preset's own, the split not
            its test split, or the sources are not committed, were not when
            the run began, or have changed since, or the card's numbers are
            on more images.
        PermissionError: If the folder of cards cannot be written.
    """
    from zoo.training.evaluation import provenance
    from zoo.training.evaluation.engine.resume import Journal

    dataset = zoo.info(preset).dataset
    if data != dataset:
        raise ValueError(
            f"--write-card takes numbers on the preset's own data set, --data "
            f"{dataset}. Received: --data {data}"
        )
    if split != "test":
        raise ValueError(
            "--write-card takes numbers on the whole of --split test or its "
            f"first images. Received: --split {split}"
        )
    attacked = [m.images for m in zoo.info(preset).measurements if m.threat]
    if images is not None and images < max(attacked, default=0):
        raise ValueError(
            f"--write-card takes numbers on as many images as the card's, "
            f"{max(attacked)}; --replace-card takes fewer. Received: {images}"
        )
    commit = provenance.commit()
    card.check_commit(commit)
    begun = resume and Journal.begun(resume)
    if begun:
        try:
            card.check_commit(begun["commit"])
        except ValueError as error:
            raise ValueError(
                f"The run in --resume {resume} was not begun for a card; begin "
                f"one in another folder. {error}"
            ) from error
        if begun["commit"] != commit:
            raise ValueError(
                f"The run in --resume {resume} was begun at another commit, "
                f"{begun['commit']}; go on at that one, or begin a run in "
                "another folder."
            )
    if not os.access(card.FOLDER, os.W_OK):
        raise PermissionError(f"Cards cannot be written to {card.FOLDER}.")
