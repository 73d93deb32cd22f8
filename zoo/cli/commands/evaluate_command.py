"""`zoo evaluate`."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

import zoo
from zoo.cards import card
from zoo.cli.activity import activity
from zoo.cli.arguments import add_batch_size_argument
from zoo.cli.arguments import add_draws_argument
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import add_seed_argument
from zoo.cli.arguments import at_least
from zoo.cli.attacks import ATTACK_HELP
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import DEFAULT_HELP
from zoo.cli.attacks import add_transfer_argument
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import check_attacks
from zoo.cli.attacks import default_threat
from zoo.cli.attacks import is_suite
from zoo.cli.attacks import parse_transfer
from zoo.cli.attacks import split_stickers
from zoo.cli.data import NamedImages
from zoo.cli.data import add_data_arguments
from zoo.cli.models import NamedModel
from zoo.cli.models import add_model_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.models import check_policy
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.cli.sticker_evaluation import NamedStickers
from zoo.cli.sticker_evaluation import add_sign_arguments

_REPLACE = "replace"
"""Value of `write_card` that `--replace-card` gives."""


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
        "randomised models, or 'rp2', stickers on signs; may be given several "
        f"times (default: {DEFAULT_HELP})",
    )
    parser.add_argument(
        "--skip-fooled",
        action="store_true",
        help="don't attack an image again in a ball where an attack fooled it; "
        "an attack's accuracy is then what is left after it and those before "
        "it (default: only if the one attack is a suite)",
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
    add_sign_arguments(parser)
    add_data_arguments(parser, limit=512)
    parser.add_argument(
        "--attack-limit",
        type=at_least(1),
        metavar="N",
        help="images to attack, from the front (default: all taken)",
    )
    add_batch_size_argument(parser, 128, "attacked and scored")
    add_draws_argument(parser)
    parser.add_argument(
        "--runs",
        type=at_least(1),
        default=1,
        metavar="N",
        help="runs of each attack; an image counts by its worst run, and the "
        "mean and standard deviation of the runs are reported "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--attack-policy",
        metavar="POLICY",
        help="dtype policy of a copy of the preset that is attacked instead, "
        "such as mixed_bfloat16, which is faster (default: the model itself, "
        "in float32, is attacked)",
    )
    add_seed_argument(parser, "the attacks and of a randomised model")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="also write the report, as .json or .md",
    )
    parser.add_argument(
        "--write-card",
        action="store_true",
        help="write the numbers to the preset's card; they must be measured "
        "on its own data set, from committed sources, and replace no stronger "
        "number of the same weights",
    )
    parser.add_argument(
        "--replace-card",
        dest="write_card",
        action="store_const",
        const=_REPLACE,
        help="the same, but replace stronger numbers too",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="keep finished batches in this folder; if the run is "
        "interrupted, the same command goes on after the last one",
    )
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Measures a model and prints the report."""
    if options.output and options.output.suffix not in (".json", ".md"):
        raise ValueError(
            f"--output must end in .json or .md. Received: {options.output}"
        )
    if options.output:
        check_writable(options.output)
    if options.resume:
        check_writable(options.resume / "run.json")
    named = NamedModel.parse(
        options.model, classes=options.classes, trusted=options.trust
    )
    for option in ("write_card", "attack_policy"):
        if getattr(options, option) and not named.is_preset:
            raise ValueError(
                f"--{option.replace('_', '-')} takes a preset. "
                f"Received: {named.name}"
            )
    if options.transfer_from and (options.write_card or options.attack_policy):
        raise ValueError(
            "--write-card and --attack-policy take attacks on the model "
            f"itself. Received: --transfer-from={options.transfer_from}"
        )
    specs, sticker_specs = split_stickers(options.attacks or [DEFAULT_ATTACK])
    check_attacks(specs)
    suite = len(specs) == 1 and is_suite(specs[0])
    stickers = NamedStickers.parse(options, sticker_specs)
    if stickers and named.classes:
        stickers.check(named, named.classes)
    source = parse_transfer(options)
    data = NamedImages.parse(options, named)
    if options.write_card:
        attacked = min(options.attack_limit or data.limit, data.limit)
        check_card(
            named.card,
            data,
            options.resume,
            images=(
                attacked if specs and options.write_card != _REPLACE else None
            ),
        )
    data.check()
    check_policy(options.attack_policy)
    from zoo.training import evaluation

    threat = default_threat(named)
    with activity(f"Loading {named.name}", enabled=not options.json):
        model = named.load(image_size=options.image_size)
    attacks = bind_attacks(
        specs,
        threat,
        model,
        source=source,
        image_size=options.image_size,
    )
    surrogate = None
    if options.attack_policy:
        surrogate = named.load(policy=options.attack_policy)
    with activity(f"Loading images of {data.name}", enabled=not options.json):
        examples = data.load(model)
    if stickers:
        classes = named.class_names(model.output_shape[-1])
        stickers.check(named, classes)
        evaluation.check_exact(model)
    report = evaluation.evaluate(
        model,
        examples,
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
        name=named.name,
        dataset_name=data.title,
    )
    if stickers:
        report = dataclasses.replace(
            report,
            stickers=stickers.measure(
                model,
                classes,
                size=named.image_shape(model, options.image_size)[0],
                progress=not options.json,
            ),
        )
    try:
        if options.output and options.output.suffix == ".json":
            report.to_json(options.output)
        elif options.output:
            report.to_markdown(options.output)
        if options.write_card:
            path = zoo.write_card(
                named.name,
                report.measurements() if specs else None,
                stickers=(
                    [one.to_dict() for one in report.stickers]
                    if stickers
                    else None
                ),
                parameters=model.count_params(),
                replace=options.write_card == _REPLACE,
            )
            print(f"card: {path}", file=sys.stderr)
    finally:  # What was measured is told, whatever becomes of the files.
        emit(
            options,
            report.to_dict(),
            report.table(),
            *(f"Attack: {result}" for result in report.attacks),
        )


def work_folder(options: argparse.Namespace) -> Path | None:
    """Returns the folder that an interrupted call goes on from, if any."""
    return options.resume


def check_card(
    before: zoo.Card,
    data: NamedImages,
    resume: str | os.PathLike | None = None,
    *,
    images: int | None = None,
) -> None:
    """Raises an error if what is to be measured could not become a card.

    Args:
        before: Card of the preset, as it is.
        data: Images to measure on.
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
    if data.name != before.dataset:
        raise ValueError(
            f"--write-card takes numbers on the preset's own data set, --data "
            f"{before.dataset}. Received: --data {data.name}"
        )
    if data.split != "test":
        raise ValueError(
            "--write-card takes numbers on the whole of --split test or its "
            f"first images. Received: --split {data.split}"
        )
    attacked = [m.images for m in before.measurements if m.threat]
    if images is not None and images < max(attacked, default=0):
        raise ValueError(
            f"--write-card takes numbers on as many images as the card's, "
            f"{max(attacked)}; --replace-card takes fewer. Received: {images}"
        )
    if not os.access(card.FOLDER, os.W_OK):
        raise PermissionError(
            "The folder of cards must be one that may be written. "
            f"Received: {card.FOLDER}"
        )
    # These import TensorFlow; the checks above do without it.
    from zoo.training.evaluation import provenance
    from zoo.training.evaluation.engine.resume import Journal

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
                "A card's run goes on at the commit that it was begun at; go "
                "back to that one, or begin a run in another folder. Received: "
                f"--resume {resume}, begun at another commit, "
                f"{begun['commit']}"
            )
