"""`zoo finetune`."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import zoo
from zoo.cli.arguments import above_zero
from zoo.cli.arguments import add_batch_size_argument
from zoo.cli.arguments import add_json_argument
from zoo.cli.arguments import add_seed_argument
from zoo.cli.arguments import at_least
from zoo.cli.arguments import proper_share
from zoo.cli.arguments import share
from zoo.cli.attacks import DEFAULT_ATTACK
from zoo.cli.attacks import DEFAULT_HELP
from zoo.cli.attacks import bind_attacks
from zoo.cli.attacks import check_single
from zoo.cli.attacks import default_threat
from zoo.cli.attacks import training_spec
from zoo.cli.keras_files import write_keras_file
from zoo.cli.models import NamedModel
from zoo.cli.models import add_trust_argument
from zoo.cli.models import check_policy
from zoo.cli.output import check_writable
from zoo.cli.output import emit
from zoo.loading import dtype_policy

_HEAD_EPOCHS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "model",
        metavar="NAME",
        help="preset (see `zoo list`), or .keras file of as many classes as "
        "there are folders, such as a saved model of zoo.defend",
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="pictures to train on, one folder a class",
    )
    held_out = parser.add_mutually_exclusive_group()
    held_out.add_argument(
        "--validation",
        type=Path,
        metavar="FOLDER",
        help="pictures to measure on, in folders of the same names",
    )
    held_out.add_argument(
        "--held-out",
        type=proper_share,
        default=0.2,
        metavar="SHARE",
        help="without --validation: share of each class that is held out of "
        "the training and measured on (default: %(default)s)",
    )
    parser.add_argument(
        "--head-epochs",
        type=at_least(0),
        metavar="N",
        help="epochs of the classifying layer alone (default: "
        f"{_HEAD_EPOCHS} if a preset gets a new one; 0 if the layer is kept)",
    )
    parser.add_argument(
        "--epochs",
        type=at_least(0),
        default=15,
        metavar="N",
        help="epochs of the whole model after that (default: %(default)s)",
    )
    for option, default, trained in (
        ("--head-learning-rate", 0.05, "classifying layer alone"),
        ("--learning-rate", 0.02, "whole model"),
    ):
        parser.add_argument(
            option,
            type=above_zero,
            default=default,
            metavar="RATE",
            help=f"learning rate of the {trained} (default: %(default)s)",
        )
    add_batch_size_argument(parser, 32, "trained on")
    parser.add_argument(
        "--clean-weight",
        type=share,
        default=0.5,
        metavar="SHARE",
        help="weight of the clean images' loss; the adversarial images' has "
        "the rest (default: %(default)s)",
    )
    parser.add_argument(
        "--attack",
        metavar="SPEC",
        help="attack that the training images are made by (default: five "
        "steps in the card's ball, of ddn in L2, else of pgd)",
    )
    parser.add_argument(
        "--test-attack",
        metavar="SPEC",
        help="attack that the model is measured under (default: "
        f"{DEFAULT_HELP})",
    )
    parser.add_argument(
        "--attack-limit",
        type=at_least(1),
        default=256,
        metavar="N",
        help="held-out images to attack (default: %(default)s)",
    )
    parser.add_argument(
        "--from-scratch",
        action="store_true",
        help="for comparison: start the preset's architecture from random "
        "weights and train the whole model in all epochs",
    )
    parser.add_argument(
        "--policy",
        metavar="POLICY",
        help="dtype policy that a preset is trained and attacked in, such as "
        "mixed_bfloat16, which is faster; the written and scored model is "
        "float32",
    )
    add_seed_argument(parser, "the training and the attacks")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of model, weights, report and checkpoints; if the "
        "command is interrupted, the same one goes on from there (default: "
        "runs/finetune-NAME)",
    )
    add_trust_argument(parser)
    add_json_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Fine-tunes a model, or goes on with it, and measures the result."""
    from zoo.training.datasets.image_folder import split_pictures

    if options.from_scratch or options.policy:
        taken = {
            "kinds": ("preset",),
            "rule": "--from-scratch and --policy are for presets.",
        }
    else:
        taken = {"kinds": ("preset", "keras_file")}
    named = NamedModel.parse(
        options.model,
        **taken,
        trained=not options.from_scratch,
        trusted=options.trust,
    )
    check_single(options.attack)
    check_single(options.test_attack, "--test-attack")
    classes = _classes(named, options.data)
    split_pictures(
        options.data,
        classes,
        options.validation or options.held_out,
        options.seed,
    )
    output = work_folder(options)
    path = output / "model.keras"
    check_writable(path)
    check_policy(options.policy)
    from zoo.training import FineTuning
    from zoo.training import attacks
    from zoo.training import evaluation
    from zoo.training import finetune
    from zoo.weights import save_weights

    threat = default_threat(named)
    head_epochs, epochs = options.head_epochs, options.epochs
    new_head = named.is_preset and classes != list(named.classes)
    if head_epochs is None:
        head_epochs = _HEAD_EPOCHS if new_head or options.from_scratch else 0
    if options.from_scratch:
        head_epochs, epochs = 0, head_epochs + epochs
    hyperparameters = FineTuning(
        head_epochs=head_epochs,
        epochs=epochs,
        head_learning_rate=options.head_learning_rate,
        learning_rate=options.learning_rate,
        batch_size=options.batch_size,
        clean_weight=options.clean_weight,
        seed=options.seed,
    )
    attack = attacks.parse(
        options.attack or training_spec(threat), threat, seed=options.seed
    )
    trained, model = _build(named, options, len(classes), new_head=new_head)
    test_attacks = bind_attacks(
        [options.test_attack or DEFAULT_ATTACK], threat, model
    )
    images, held_out = _load(options, model, classes)
    # Keras reports its epochs on standard output, which is the result's.
    with contextlib.redirect_stdout(sys.stderr), _naming_option(output):
        finetune(trained, images, attack, output / "training", hyperparameters)
    model.set_weights(trained.get_weights())
    write_keras_file(model, path, classes)
    save_weights(
        model,
        path.with_suffix(".weights.h5"),
        dtype="float32",
        max_shard_size=None,
    )
    report = evaluation.evaluate(
        model,
        held_out,
        test_attacks,
        threat=threat,
        attack_limit=options.attack_limit,
        seed=options.seed,
        surrogate=None if trained is model else trained,
        resume=output / "evaluation",
        progress=not options.json,
        name=str(path),
        dataset_name=str(options.validation or options.data),
    )
    report.to_json(output / "report.json")
    data = {
        "model": str(path),
        "weights": str(output / "model.weights.h5"),
        "classes": classes,
        "from": None if options.from_scratch else named.name,
        "training": {
            "images": len(images),
            "attack": repr(attack),
            "policy": trained.dtype_policy.name,
            **vars(hyperparameters),
        },
        "report": report.to_dict(),
    }
    emit(options, data, report.table(), f"Model: {path}")


def work_folder(options: argparse.Namespace) -> Path:
    """Returns the folder that an interrupted call goes on from."""
    name = Path(options.model).name.removesuffix(".keras")
    return options.output or Path("runs") / f"finetune-{name}"


def _classes(named: NamedModel, folder: Path) -> list[str]:
    """Names of the folders, in a preset's order if they are its classes."""
    from zoo.training import datasets

    folders = datasets.class_folders(folder)
    known = sorted(name.replace("/", "_") for name in named.classes)
    return list(named.classes) if known == folders else folders


def _build(named: NamedModel, options, num_classes: int, *, new_head: bool):
    """Returns the model to train, and the one to keep, often the same."""
    import keras

    if not named.is_preset:
        model = named.load()
        if model.output_shape[-1] != num_classes:
            raise ValueError(
                f"{named.name} has {model.output_shape[-1]} classes; there "
                f"must be as many folders. Received: {num_classes} in "
                f"{options.data}"
            )
        return model, model
    keras.utils.set_random_seed(options.seed)
    start = {"weights": None}
    if not options.from_scratch:
        start = {"weights": "default", "new_head": new_head}
    with dtype_policy(options.policy):
        trained = zoo.load(named.name, num_classes=num_classes, **start)
    if trained.dtype_policy.name == keras.config.dtype_policy().name:
        return trained, trained
    kept = zoo.load(named.name, weights=None, num_classes=num_classes)
    return trained, kept


def _load(options, model, classes: list[str]):
    """Returns the images to train on and those held out."""
    from zoo.inspection import input_shape
    from zoo.training import datasets
    from zoo.training.datasets.arrays import gather_examples

    images, held_out = datasets.split_folder(
        options.data,
        image_shape=input_shape(model)[1:],
        classes=classes,
        held_out=options.validation or options.held_out,
        seed=options.seed,
    )
    return images, gather_examples(held_out)


@contextlib.contextmanager
def _naming_option(output: Path) -> Iterator[None]:
    """Puts `--output` in front of errors that name a folder in it."""
    try:
        yield
    except ValueError as error:
        if str(output) not in str(error):
            raise
        raise ValueError(f"--output {output}: {error}") from error
