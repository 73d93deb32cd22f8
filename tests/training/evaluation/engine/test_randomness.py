"""Whose randomness it is, and that it comes back as it was."""

import inspect

import keras
import numpy as np
import pytest

from zoo.inspection import is_stochastic
from zoo.training import attacks
from zoo.training.evaluation.engine.randomness import owned_randomness


@keras.saving.register_keras_serializable(package="test_randomness")
class Noise(keras.layers.Layer):
    stochastic = True

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        shape = keras.ops.shape(inputs)
        return inputs + keras.random.normal(shape, seed=self.generator)


class Wrapper(keras.layers.Layer):
    """Owns a model, as `MultiScaleEnsemble` does."""

    stochastic = False

    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, inputs):
        return self.model(inputs)


def noisy(**kwargs):
    return keras.Sequential([keras.Input((3,)), Noise(**kwargs)])


def nested():
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Rescaling(2.0)(noisy()(inputs)))


def wrapped():
    return keras.Sequential([keras.Input((3,)), Wrapper(nested())])


@pytest.mark.parametrize("build", [noisy, nested, wrapped])
def test_stochastic_layers_are_found_at_any_depth(build):
    assert is_stochastic(build())


def test_deterministic_models_are_told_apart():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    )
    assert not is_stochastic(model)


def test_a_model_may_say_so_itself():
    model = keras.Sequential([keras.Input((3,)), keras.layers.ReLU()])
    model.stochastic = True
    assert is_stochastic(model)


@pytest.mark.parametrize("build", [noisy, nested, wrapped])
def test_batches_draw_the_same_whatever_ran_before(build):
    first, second, zeros = build(), build(), np.zeros((4, 3))
    with owned_randomness([first], 5) as reseed:
        reseed("pgd", 0)
        first(zeros)
        reseed("pgd", 4)
        drawn = np.array(first(zeros))
    with owned_randomness([second], 5) as reseed:
        reseed("pgd", 4)
        again = np.array(second(zeros))
        next_draw = np.array(second(zeros))
        reseed("fgsm", 4)
        other_attack = np.array(second(zeros))
    with owned_randomness([second], 6) as reseed:
        reseed("pgd", 4)
        other_seed = np.array(second(zeros))
    np.testing.assert_array_equal(drawn, again)
    for other in (next_draw, other_attack, other_seed):
        assert np.abs(drawn - other).min() > 0


def test_an_attacks_generator_is_taken_over_too():
    model, zeros = noisy(seed=1), np.zeros((4, 3))
    generator = keras.random.SeedGenerator(2)
    before = np.array(generator.state)

    def drawn(generator):
        return np.array(keras.random.normal((5,), seed=generator))

    with owned_randomness([model], 5, [generator]) as reseed:
        reseed("pgd", 4)
        first, noise = drawn(generator), np.array(model(zeros))
        reseed("pgd", 8)
        assert np.abs(first - drawn(generator)).min() > 0
    np.testing.assert_array_equal(generator.state, before)
    other = keras.random.SeedGenerator(3)
    with owned_randomness([model], 5, [other]) as reseed:
        reseed("pgd", 4)
        np.testing.assert_array_equal(drawn(other), first)
    # The model draws the same with an attack that has a generator or not.
    with owned_randomness([model], 5) as reseed:
        reseed("pgd", 4)
        np.testing.assert_array_equal(model(zeros), noise)


@pytest.mark.parametrize("name", attacks.by_name)
def test_random_attacks_show_their_generator(name):
    factory = attacks.by_name[name]
    accepted = inspect.signature(factory).parameters
    attack = factory(**({"eps": 0.1} if "eps" in accepted else {}))
    assert bool(attack.generators) == ("seed" in accepted)


def test_states_are_given_back_even_after_an_error():
    model, zeros = noisy(seed=1), np.zeros((4, 3))
    untouched = noisy(seed=1)
    with pytest.raises(RuntimeError), owned_randomness([model], 0) as reseed:
        reseed("clean", 0)
        model(zeros)
        raise RuntimeError
    np.testing.assert_array_equal(model(zeros), untouched(zeros))
