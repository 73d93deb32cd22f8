"""What the paper doesn't measure: attacks in a ball that know the network."""

import dataclasses
from pathlib import Path

import keras
from keras import ops

from zoo.layers import Explained
from zoo.threat import ThreatModel
from zoo.training import attacks
from zoo.training.evaluation.plots.bars import bar_chart
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import verdict
from zoo.training.reproduction.minds_eye import paper
from zoo.training.reproduction.minds_eye.networks import Networks
from zoo.training.reproduction.minds_eye.networks import is_triple
from zoo.training.reproduction.minds_eye.table_1 import EXTRA

COLUMNS = {
    "clean": "clean",
    "transfer": "PGD on the direct network",
    "comparator": "PGD on the comparator alone",
    "pgd": "PGD on all stages",
    "standard": "standard suite",
}


def robustness(networks: Networks, output: Path) -> Exhibit:
    """Measures each network under PGD and the standard suite, and draws it.

    Args:
        output: Folder for the picture.
    """
    settings = networks.settings
    threat = ThreatModel("linf", settings.eps)
    names = [
        name
        for name in (*paper.TITLES, *EXTRA)
        if networks.model(name) is not None
    ]
    data = {name: _measure(name, networks, threat) for name in names}
    images = min(settings.attack_limit, len(networks.test[0]))
    drawn = [key for key in COLUMNS if key != "comparator"]
    bar_chart(
        [COLUMNS[key] for key in drawn],
        {name: [row[key] for key in drawn] for name, row in data.items()},
        output / "robust.png",
        title=f"Mind's Eye in {threat.title}",
        images=[images] * len(drawn),
    )
    return Exhibit(
        name="robust",
        title=f"Beyond the paper: accuracy in {threat.title}",
        header=("preset", *COLUMNS.values()),
        rows=tuple(
            (
                f"`{name}`",
                *("–" if row[k] is None else f"{row[k]:.1%}" for k in COLUMNS),
            )
            for name, row in data.items()
        ),
        notes=_notes(networks, data, images, threat),
        picture="robust.png",
        data={"threat": dataclasses.asdict(threat), "rows": data},
        provenance=networks.provenance(*names),
    )


def comparator_alone(model: keras.Model) -> keras.Model:
    """Returns a triple-staged network whose drawings have no gradient.

    It predicts the same, with the same weights. An attacker who uses it takes
    what is drawn for fixed, and changes the image where it is compared.
    """

    def held(layer):
        if isinstance(layer, Explained) and layer.explains == "pose":
            return keras.layers.Lambda(ops.stop_gradient, dtype="float32")
        return layer

    return keras.models.clone_model(model, clone_function=held)


def _measure(name, networks, threat):
    settings = networks.settings
    copy = networks.low_precision_copy(name)
    pgd = networks.pgd()
    knowing = networks.measure(name, "pgd", [pgd], surrogate=copy)
    source = networks.low_precision_copy(paper.DIRECT)
    others = [attacks.transfer(attack=pgd, source=source)]
    if is_triple(name):
        others.append(
            attacks.transfer(attack=pgd, source=comparator_alone(copy))
        )
    blind = networks.measure(name, "blind", others)
    standard = networks.measure(
        name,
        "standard",
        attacks.suite(
            "standard", threat, steps=settings.steps, queries=settings.queries
        ),
        threat=threat,
        skip_fooled=True,
        surrogate=copy,
    )
    accuracies = [one.robust_accuracy for one in blind.attacks]
    return {
        "clean": knowing.clean_accuracy,
        "transfer": accuracies[0],
        "comparator": accuracies[1] if is_triple(name) else None,
        "pgd": knowing.attacks[0].robust_accuracy,
        "standard": standard.worst_cases[0].robust.mean,
    }


def _notes(networks, data, images, threat):
    settings = networks.settings

    def standard(name):
        return data[name]["standard"] if name in data else None

    direct, triple = "minds_eye_direct.adversarial", EXTRA[-1]
    return (
        f"The first {images:,} test images, a quarter of them without an "
        f"object, in {threat.title}. PGD takes 40 steps from a random start. "
        f"The standard suite is AutoAttack with {settings.steps} steps "
        f"(AutoAttack: 100) and {settings.queries:,} queries (5,000). Trust "
        "the last column.",
        "On the comparator alone, PGD takes what is drawn for fixed; on all "
        "stages it goes through comparator, projector and estimator. The "
        "clip of the estimates passes the gradient straight through.",
        verdict(
            "The triple-staged network withstands the standard suite better "
            "than the direct one",
            standard(paper.DIRECT),
            standard(paper.TRIPLE),
            images=images,
        ),
        verdict(
            "Trained adversarially, it does so too",
            standard(direct),
            standard(triple),
            images=images,
        ),
    )
