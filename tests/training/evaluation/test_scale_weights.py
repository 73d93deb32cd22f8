"""Grid search of the scale weights against the ensembles themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.layers import MultiScaleEnsemble
from zoo.layers import RandomPatchJPEG
from zoo.training import attacks
from zoo.training import evaluation

SCALES = (4, 6, 8)
OWN = (0.2, 0.5, 2.0)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, 8, 8, 1), "float32")
LABELS = RNG.integers(0, 3, 60)


def classifier():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(8, 3, kernel_initializer="he_normal")(inputs)
    x = keras.layers.GlobalMaxPooling2D()(x)
    dense = keras.layers.Dense(3, kernel_initializer="he_normal")
    return keras.Model(inputs, dense(keras.ops.sin(9 * x)))


def ensemble(network, weights=OWN, *, jpeg=None):
    """Behind random JPEG of a gradient of that kind, if any."""
    images = keras.Input((8, 8, 1))
    x = images
    if jpeg:
        x = RandomPatchJPEG((5, 90), gradient=jpeg, seed=0)(images)
    merged = MultiScaleEnsemble(network, SCALES, weights)(x)
    return keras.Model(images, merged)


def darken(model, images, labels):
    """An attack of known result."""
    return images * 0.5


def accuracy(model, images):
    answers = model.predict(images, verbose=0).argmax(axis=1)
    return np.mean(answers == LABELS)


def test_equals_running_the_ensemble_with_those_weights():
    network = classifier()
    found = evaluation.search_scale_weights(
        ensemble(network), IMAGES, LABELS, attack=darken, batch_size=16
    )
    accuracies = {(one.clean, one.adversarial) for one in found}
    assert len(accuracies) > 10, "weights must matter"
    for one in found[::7]:
        model = ensemble(network, one.weights)
        assert one.scales == SCALES
        assert one.clean == pytest.approx(accuracy(model, IMAGES))
        assert one.adversarial == pytest.approx(accuracy(model, IMAGES * 0.5))


def test_best_first_and_each_ratio_once():
    found = evaluation.search_scale_weights(
        ensemble(classifier()), IMAGES, LABELS, attack=darken
    )
    order = [(one.adversarial, one.clean) for one in found]
    assert order == sorted(order, reverse=True)
    weights = [one.weights for one in found]
    assert len(set(weights)) == len(weights) == 61 + 1
    assert all(max(w) == 1 for w in weights)
    assert (1.0, 0.01, 0.001) in weights, "the paper's choice"
    grid = {min(w) for w in weights}
    assert grid == {1.0, 0.1, 0.01, 0.001, 0.0001}
    (own,) = [one for one in found if one.own]
    assert own.weights == (0.1, 0.25, 1.0)


def test_own_weights_on_the_grid_are_no_extra_row():
    model = ensemble(classifier(), (10.0, 0.1, 0.01))
    found = evaluation.search_scale_weights(model, IMAGES, LABELS)
    assert len(found) == 61
    assert [one.weights for one in found if one.own] == [(1.0, 0.01, 0.001)]
    assert all(one.adversarial is None for one in found)
    clean = [one.clean for one in found]
    assert clean == sorted(clean, reverse=True)


def test_randomness_is_the_seeds_and_given_back():
    model = ensemble(classifier(), jpeg="straight_through")
    attack = attacks.pgd(eps=0.2, steps=1)
    states = [attack.generators[0].state]
    states += [v for v in model.variables if v.name == "seed_generator_state"]
    before = [np.array(state) for state in states]

    def search(seed, draws=2):
        return evaluation.search_scale_weights(
            model, IMAGES, LABELS, attack=attack, draws=draws, seed=seed
        )

    assert search(0) == search(0)
    assert search(0) != search(1)
    assert search(0, draws=2) != search(0, draws=1)
    for state, value in zip(states, before, strict=True):
        np.testing.assert_array_equal(state, value)


def test_the_papers_range_is_searched():
    found = evaluation.search_scale_weights(
        ensemble(classifier(), (1.0, 1.0, 1.0)), IMAGES[:4], LABELS[:4]
    )
    ratios = {max(w) / min(w) for w in (one.weights for one in found)}
    assert max(ratios) == pytest.approx(10 / 0.001)


def test_a_randomised_source_is_seeded_and_given_back():
    model = ensemble(classifier())
    source = ensemble(classifier(), jpeg="straight_through")
    (state,) = (v for v in source.variables if v.name == "seed_generator_state")
    before = np.array(state)
    attack = attacks.transfer(attack=attacks.fgsm(eps=0.4), source=source)

    def search(seed):
        return evaluation.search_scale_weights(
            model, IMAGES, LABELS, attack=attack, seed=seed
        )

    assert search(0) == search(0)
    assert search(0) != search(1)
    np.testing.assert_array_equal(state, before)


def test_the_attack_meets_one_view_that_hides_no_gradient():
    """A view for each batch would be traced anew each time."""
    model = ensemble(classifier(), jpeg="none")
    met = []

    def attack(view, images, labels):
        met.append(view)
        pixels = tf.constant(images)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            logits = view(pixels)
        assert np.abs(tape.gradient(logits, pixels)).max() > 0
        return images

    evaluation.search_scale_weights(
        model, IMAGES[:6], LABELS[:6], attack=attack, batch_size=2
    )
    assert len(met) == 3
    assert all(view is met[0] for view in met)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"values": ()}, r"Received: values=\(\)"),
        ({"values": (1.0, 0.0)}, r"Received: values=\(1.0, 0.0\)"),
        ({"batch_size": 0}, "Received: batch_size=0"),
        ({"draws": 0}, "draws=0"),
    ],
)
def test_bad_options_are_named(options, message):
    model = ensemble(classifier())
    with pytest.raises(ValueError, match=message):
        evaluation.search_scale_weights(model, IMAGES, LABELS, **options)


def test_a_model_of_one_scale_is_refused():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    with pytest.raises(ValueError, match="must end in a MultiScaleEnsemble"):
        evaluation.search_scale_weights(model, IMAGES, LABELS)


def test_combinations_are_counted_first():
    with pytest.raises(ValueError, match="at most 10,000 .*: 125,000,000 of"):
        evaluation.search_scale_weights(
            ensemble(classifier()), IMAGES, LABELS, values=range(1, 501)
        )
