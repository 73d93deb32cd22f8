"""Loops stay loops: what an attack counts doesn't make its graph grow."""

import inspect

import pytest
import tensorflow as tf

from tests.helpers import LinearModel
from zoo.training import attacks

COUNTS = ("steps", "queries", "repeats", "restarts", "binary_search_steps")
CASES = [
    (name, count)
    for name, factory in attacks.by_name.items()
    for count in COUNTS
    if count in inspect.signature(factory).parameters
]
# What is averaged: a gradient, derivatives, margins' gradients, logits.
DRAWS = [(name, "draws") for name in ("fgsm", "jsma", "deepfool", "square")]


@pytest.fixture(scope="module")
def model():
    return LinearModel((4, 4, 1), num_classes=4).keras


def nodes(model, name, **options):
    """Returns how many nodes the traced attack has, its loops' included."""
    if "eps" in inspect.signature(attacks.by_name[name]).parameters:
        options["eps"] = 0.1
    attack = attacks.by_name[name](**options)
    graph = tf.function(
        lambda images, labels: attack(model, images, labels), autograph=False
    ).get_concrete_function(
        tf.TensorSpec((None, 4, 4, 1), "float32"),
        tf.TensorSpec((None,), "int32"),
    )
    definition = graph.graph.as_graph_def()
    return len(definition.node) + sum(
        len(function.node_def) for function in definition.library.function
    )


def test_every_attack_that_counts_is_here():
    """FGSM takes one step, and JSMA as many as its budget allows."""
    counting = {name for name, _ in CASES}
    assert counting == set(attacks.by_name) - {"fgsm", "jsma"}


@pytest.mark.parametrize(("name", "count"), CASES + DRAWS)
def test_the_graph_is_as_large_for_5_as_for_50(name, count, model):
    few = nodes(model, name, **{count: 5})
    assert few > 10
    assert nodes(model, name, **{count: 50}) == few
