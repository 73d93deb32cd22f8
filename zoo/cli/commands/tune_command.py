"""`zoo tune`."""

import argparse
import dataclasses
from pathlib import Path

from zoo.cli.activity import activity
from zoo.cli.arguments import add_batch_size_argument
from zoo.cli.arguments import add_draws_argument
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import add_seed_argument
from zoo.cli.arguments import at_least
from zoo.cli.arguments import numbers_above_zero
from zoo.cli.attacks import ATTACK_HELP
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import DEFAULT_HELP
from zoo.cli.attacks import add_transfer_argument
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import check_single
from zoo.cli.attacks import default_threat
from zoo.cli.attacks import parse_transfer
from zoo.cli.data import NamedImages
from zoo.cli.data import add_data_arguments
from zoo.cli.keras_files import write_keras_file
from zoo.cli.models import NamedModel
from zoo.cli.models import add_model_argument
from zoo.cli.models import add_trust_argument
from zoo.cli.output import check_writable
from zoo.cli.output import emit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.description = (
        "Scores a multi-scale ensemble with every combination of scale "
        "weights; each scale is predicted once. The adversarial images are "
        "made against the model with its present weights. The packaged images "
        "are test images: choose on others, such as `--data fashion_mnist "
        "--split train[58000:]`, and measure what `--save` writes with `zoo "
        "evaluate`."
    )
    add_model_argument(parser)
    parser.add_argument(
        "--attack",
        metavar="SPEC",
        help=f"{ATTACK_HELP} (default: {DEFAULT_HELP})",
    )
    add_transfer_argument(parser)
    add_data_arguments(parser, limit=512)
    parser.add_argument(
        "--values",
        type=numbers_above_zero,
        metavar="LIST",
        help="numbers that each weight is tried with, between commas (default: "
        "0.001,0.01,0.1,1,10)",
    )
    add_batch_size_argument(parser, 128, "attacked and scored")
    add_draws_argument(parser)
    add_seed_argument(parser, "the attack and of a randomised model")
    parser.add_argument(
        "--top",
        type=at_least(1),
        default=10,
        metavar="N",
        help="rows of the table, besides the model's own weights; JSON holds "
        "all (default: %(default)s)",
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="FILE",
        help=".keras file to write the model to, with the best weights",
    )
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Searches the weights and prints them, the best first."""
    check_single(options.attack)
    if options.save and options.save.suffix != ".keras":
        raise ValueError(f"--save must end in .keras. Received: {options.save}")
    if options.save:
        check_writable(options.save)
    named = NamedModel.parse(
        options.model, classes=options.classes, trusted=options.trust
    )
    source = parse_transfer(options)
    data = NamedImages.parse(options, named)
    data.check()
    from zoo.models.scale_views import find_ensemble
    from zoo.training import evaluation
    from zoo.training.evaluation import scale_weights

    threat = default_threat(named)
    model = named.load(image_size=options.image_size)
    named.class_names(model.output_shape[-1])
    (attack,) = bind_attacks(
        [options.attack or DEFAULT_ATTACK],
        threat,
        model,
        source=source,
        image_size=options.image_size,
    )
    images, labels = data.load(model)
    with activity(
        f"Attacking {len(images)} images and predicting each scale: {attack!r}",
        enabled=not options.json,
    ):
        found = evaluation.search_scale_weights(
            model,
            images,
            labels,
            attack=attack,
            values=options.values or scale_weights.VALUES,
            batch_size=options.batch_size,
            draws=options.draws,
            seed=options.seed,
        )
    if options.save:
        find_ensemble(model).scale_weights = found[0].weights
        write_keras_file(model, options.save, named.classes)
    from rich.table import Table

    chance = (0.25 / len(images)) ** 0.5 * 1.96
    table = Table(
        *map(str, found[0].scales),
        "clean",
        "adversarial",
        "",
        title=f"{named.name}: weights of its scales, as shares of the largest",
        caption=f"{len(images)} images of {data.title}, "
        f"under {attack!r}. Differences up to about {chance:.1%} may be "
        "chance.",
    )
    for rank, one in enumerate(found):
        if rank < options.top or one.own:
            table.add_row(
                *(f"{weight:g}" for weight in one.weights),
                f"{one.clean:.1%}",
                f"{one.adversarial:.1%}",
                "the model's" if one.own else "",
            )
    result = {
        "model": named.name,
        "attack": repr(attack),
        "weights": [dataclasses.asdict(one) for one in found],
    }
    saved = [f"Model: {options.save}"] if options.save else []
    emit(options, result, table, *saved)
