import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo import exports
from zoo.exports.saved_model.entropy import SeedSource
from zoo.exports.saved_model.entropy import seeds_from
from zoo.layers import Explained

IMAGES = np.random.default_rng(1).random((3, 10, 12, 3), "float32")


class Noise(keras.layers.Layer):
    """Adds Gaussian noise and a random offset."""

    stochastic = True

    def __init__(self, seed=7, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images):
        shape = keras.ops.shape(images)
        noise = keras.random.normal(
            shape, dtype=images.dtype, seed=self.seed_generator
        )
        offset = keras.random.randint((), 0, 1000, seed=self.seed_generator)
        return images + noise + keras.ops.cast(offset, images.dtype) / 1000


class GlobalNoise(keras.layers.Layer):
    """Draws from Keras' global generator."""

    def call(self, images):
        return images + keras.random.normal((1,))


class LoopNoise(Noise):
    """Draws inside the body of a loop."""

    def call(self, images):
        return tf.map_fn(super().call, images)


class TensorFlowNoise(keras.layers.Layer):
    def call(self, images):
        return images + tf.random.normal((1,))


class GeneratorNoise(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.generator = tf.random.Generator.from_seed(1)

    def call(self, images):
        return images + self.generator.normal((1,))


class FrozenNoise(keras.layers.Layer):
    stochastic = True

    def call(self, images):
        return images + np.random.normal()


@pytest.mark.parametrize(
    "layer",
    [Noise, pytest.param(GlobalNoise, marks=pytest.mark.large), LoopNoise],
)
def test_randomised_model_draws_fresh_entropy(tmp_path, layer, classifier):
    """Calls and loads differ, whatever the global seed at the export."""
    model = classifier(layer())
    # Two exports under one global seed must differ as well.
    reports = []
    for name in ("first", "second"):
        tf.random.set_seed(5)
        keras.utils.set_random_seed(5)
        reports.append(
            exports.save(model, tmp_path / name, fold_batch_norm=False)
        )
    draws = []
    for report in reports:
        assert report.stochastic
        assert report.seed is None
        assert report.max_abs_difference == 0.0
        for _ in range(2):
            with exports.SavedModelSession(report.path) as session:
                for _ in range(2):
                    outputs = session.run("serving_default", {"image": IMAGES})
                    draws.append(outputs["logits"])
            served = tf.saved_model.load(str(report.path)).signatures
            for _ in range(2):
                outputs = served["serving_default"](image=IMAGES)
                draws.append(outputs["logits"].numpy())
    assert len(np.unique(np.stack(draws), axis=0)) == len(draws)


def test_processes_draw_different_noise(tmp_path, classifier):
    report = exports.save(classifier(Noise()), tmp_path / "model")
    script = (
        "import sys, numpy as np\n"
        "from zoo import exports\n"
        "with exports.SavedModelSession(sys.argv[1]) as session:\n"
        "    images = np.zeros((1, 10, 12, 3))\n"
        "    outputs = session.run('serving_default', {'image': images})\n"
        "    print(outputs['logits'].tolist())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(report.path)],
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    draws = [process.communicate()[0] for process in processes]
    assert all(process.returncode == 0 for process in processes)
    assert draws[0] != draws[1]


def test_seed_repeats_the_noise(tmp_path, classifier, predict):
    model = classifier(Noise())
    reports = [
        exports.save(model, tmp_path / "model", version=version, seed=seed)
        for version, seed in enumerate((3, 3, 4), start=1)
    ]
    draws = [
        predict(report, IMAGES)["logits"]
        for report in reports
        for _ in range(2)
    ]
    for repeated in draws[1:4]:
        np.testing.assert_array_equal(draws[0], repeated)
    assert np.any(draws[0] != draws[4])
    assert [report.seed for report in reports] == [3, 3, 4]
    assert reports[0].stochastic


def test_draws_of_a_pinned_model_are_independent(tmp_path, predict):
    """The second draw of a call is not the first one again."""

    class TwoDraws(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1)

        def call(self, images):
            shape = keras.ops.shape(images)
            first, second = (
                keras.random.normal(shape, seed=self.seed_generator)
                for _ in range(2)
            )
            return first - second

    model = keras.Sequential(
        [keras.Input((4, 4, 1)), TwoDraws(), keras.layers.Flatten()]
    )
    report = exports.save(model, tmp_path / "model", seed=3)
    logits = predict(report, np.zeros((2, 4, 4, 1)))["logits"]
    assert np.std(logits) == pytest.approx(np.sqrt(2), rel=0.5)


def test_live_model_is_untouched(tmp_path, classifier):
    """Weights and generator state stay; the model draws on as before."""
    model = classifier(Noise(seed=11))
    before = [keras.ops.convert_to_numpy(v) for v in model.variables]
    original = keras.random.SeedGenerator.next
    exports.save(model, tmp_path / "model")
    assert keras.random.SeedGenerator.next is original
    for value, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(value, variable)
    twin = classifier(Noise(seed=11))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(IMAGES), twin(IMAGES))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (TensorFlowNoise, "keras.random.SeedGenerator"),
        (GeneratorNoise, "change no variable"),
        (FrozenNoise, "frozen into the export"),
    ],
)
@pytest.mark.parametrize("seed", [None, 5])
def test_refuses_noise_that_may_repeat(
    tmp_path, classifier, layer, message, seed
):
    tf.random.set_seed(3)
    original = keras.random.SeedGenerator.next
    with pytest.raises(ValueError, match=message) as error:
        exports.save(classifier(layer()), tmp_path / "model", seed=seed)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())
    assert keras.random.SeedGenerator.next is original


def test_a_seed_may_be_a_part_of_the_request(tmp_path, classifier):
    """Same image and seed, same logits: in any batch, as Keras draws them."""
    model = classifier(Noise())
    names = ["serving_default", "seeded"]
    report = exports.save(model, tmp_path / "model", signatures=names)
    assert report.max_abs_difference < 1e-6
    seeds = np.array([3, 4, 3])
    images = np.repeat(IMAGES[:1], 3, axis=0)
    with exports.SavedModelSession(report.path) as session:

        def run(images, seeds):
            inputs = {"image": images, "seed": seeds}
            return session.run("seeded", inputs)["logits"]

        first, other, again = run(images, seeds)
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)
        np.testing.assert_allclose(
            run(images[:1], [3])[0], first, rtol=0, atol=1e-6
        )
        with pytest.raises(tf.errors.InvalidArgumentError, match="one number"):
            run(images, seeds[:2])
        fresh = [
            session.run("serving_default", {"image": images[:1]})["logits"]
            for _ in range(2)
        ]
    assert np.any(fresh[0] != fresh[1])
    with seeds_from(SeedSource(3)):
        expected = model(images[:1])[0]
    np.testing.assert_allclose(first, expected, rtol=0, atol=1e-5)


def test_a_model_that_draws_nothing_has_no_seeded_signature(
    tmp_path, classifier
):
    with pytest.raises(ValueError, match="draws none"):
        exports.save(classifier(), tmp_path / "model", signatures=["seeded"])


def test_an_explanation_draws_noise_of_its_own(tmp_path):
    """It is checked against Keras with the noise pinned."""
    images = keras.Input((6, 6, 1))
    noisy = Explained("seen")(Noise()(images))
    model = keras.Model(images, keras.layers.Flatten()(noisy))
    report = exports.save(model, tmp_path / "model")
    assert report.signatures["explain"]["outputs"] == {
        "seen": "float32[?,6,6,1]"
    }
    with exports.SavedModelSession(report.path) as session:
        seen = [
            session.run("explain", {"image": IMAGES[:1, :6, :6, :1]})["seen"]
            for _ in range(2)
        ]
    assert np.any(seen[0] != seen[1])
