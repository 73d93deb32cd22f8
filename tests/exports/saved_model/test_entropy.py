import threading

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import seeds_from


def test_generators_hand_out_the_seeds():
    generator = keras.random.SeedGenerator(1)
    state = generator.state.value.numpy()
    with seeds_from(SeedSource(9)):
        draws = [generator.next().numpy().tolist() for _ in range(3)]
    assert draws == [[9, 0], [9, 1], [9, 2]]
    np.testing.assert_array_equal(generator.state.value, state)
    assert generator.next().numpy().tolist() == state.tolist()


def test_restores_after_an_error():
    original = keras.random.SeedGenerator.next
    with pytest.raises(RuntimeError):
        with seeds_from(SeedSource(None)):
            raise RuntimeError
    assert keras.random.SeedGenerator.next is original


def test_other_threads_keep_their_seeds():
    """A model that trains beside an export draws its usual numbers."""
    expected = keras.random.SeedGenerator(1).next().numpy()
    drawn = []
    generator = keras.random.SeedGenerator(1)
    with seeds_from(SeedSource(9)):
        thread = threading.Thread(
            target=lambda: drawn.append(generator.next().numpy())
        )
        thread.start()
        thread.join()
    np.testing.assert_array_equal(drawn[0], expected)


def test_global_seed_is_not_baked_in():
    def attributes():
        tf.random.set_seed(5)
        source = SeedSource(None)
        graph = tf.function(lambda: source("int64")).get_concrete_function()
        (node,) = (
            n for n in graph.graph.as_graph_def().node if "seed2" in n.attr
        )
        return node.attr["seed"].i, node.attr["seed2"].i

    assert attributes() == (0, 0)


def test_fresh_seeds_cover_the_range():
    """Seeds of eager calls spread over all that Keras tells apart."""
    source = SeedSource(None)
    seeds = np.stack([source("int64").numpy() for _ in range(200)])
    assert len(np.unique(seeds)) == seeds.size
    assert seeds.min() >= 0
    assert seeds.max() < 2**31 - 2
    # Four standard errors of the mean of 400 uniform numbers.
    assert abs(seeds.mean() / 2**31 - 0.5) < 4 / np.sqrt(12 * seeds.size)
