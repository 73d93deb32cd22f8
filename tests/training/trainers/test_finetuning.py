"""Fine-tuning: its stages, its folder, how it continues."""

import csv
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import zoo
from zoo.inspection import find_head
from zoo.loading import dtype_policy
from zoo.training import FineTuning
from zoo.training import finetune
from zoo.training.trainers.adversarial import AdversarialTrainer
from zoo.weights import load_weights

ONE = FineTuning(head_epochs=1, epochs=1, batch_size=8)


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).random((20, 8, 8, 1), "float32")
    return tf.data.Dataset.from_tensor_slices((pixels, np.arange(20) % 3))


def network():
    """The same weights each time."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, name="logits"),
        ],
        name="network",
    )


def clean(model, images, labels):
    return images


def brighter(model, images, labels, *, by):
    return images + by


@pytest.fixture
def fits(monkeypatch):
    """The trainable weights of each stage, and its number of steps."""
    fits, fit = [], AdversarialTrainer.fit

    def watched(self, batches, *, epochs, **options):
        steps = epochs * len(batches)
        fits.append((len(self.trainable_weights), steps))
        return fit(self, batches, epochs=epochs, **options)

    monkeypatch.setattr(AdversarialTrainer, "fit", watched)
    return fits


def test_first_the_head_then_all(images, tmp_path, fits):
    model = network()
    start = {w.path: w.numpy() for w in model.weights}
    path = finetune(model, images, clean, tmp_path / "run", ONE, verbose=0)
    assert path == tmp_path / "run" / "all.weights.h5"
    # Twenty images are two steps of eight; a rest would skew batch averages.
    assert fits == [(2, 2), (len(model.trainable_weights), 2)]
    middle, end = network(), network()
    load_weights(middle, tmp_path / "run" / "head.weights.h5")
    load_weights(end, path)
    head = {weight.path for weight in find_head(model).weights}
    for before, after, last, weight in zip(
        start.items(), middle.weights, end.weights, model.weights, strict=True
    ):
        moved = not np.array_equal(before[1], after)
        assert moved == (before[0] in head)
        assert not np.array_equal(after, last)
        np.testing.assert_array_equal(last, weight)


def test_without_logits_the_last_weights_are_the_head(images, tmp_path, fits):
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, name="out")]
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(1, 1, name="first"),
            inner,
            layers.Rescaling(2.0),
        ]
    )
    first = model.get_layer("first").get_weights()
    last = inner.get_layer("out").get_weights()
    hyperparameters = FineTuning(head_epochs=1, epochs=0, batch_size=8)
    finetune(model, images, clean, tmp_path, hyperparameters, verbose=0)
    assert fits == [(2, 2)]
    np.testing.assert_array_equal(
        model.get_layer("first").get_weights()[0], first[0]
    )
    assert not np.array_equal(inner.get_layer("out").get_weights()[0], last[0])


def test_each_stage_has_its_hyperparameters(images, tmp_path, monkeypatch):
    seen = []

    def watched(self, optimizer, *args, **options):
        schedule = optimizer._learning_rate
        seen.append(
            (schedule.initial_learning_rate, schedule.decay_steps)
            + (schedule.alpha, self.clean_weight)
        )
        return compile_(self, optimizer, *args, **options)

    compile_ = AdversarialTrainer.compile
    monkeypatch.setattr(AdversarialTrainer, "compile", watched)
    hyperparameters = FineTuning(
        head_epochs=1,
        epochs=2,
        head_learning_rate=0.3,
        learning_rate=0.1,
        clean_weight=0.7,
        batch_size=8,
    )
    finetune(network(), images, clean, tmp_path, hyperparameters, verbose=0)
    assert seen == [(0.3, 2, 0.01, 0.7), (0.1, 4, 0.01, 0.7)]


def test_a_partial_is_the_same_attack_in_another_process(images, tmp_path):
    def run(**options):
        attack = functools.partial(brighter, **options)
        finetune(network(), images, attack, tmp_path, ONE, verbose=0)

    run(by=0.1)
    run(by=0.1)
    described = json.loads((tmp_path / "finetuning.json").read_text())["attack"]
    assert described == f"{__name__}.brighter(*(), **{{'by': 0.1}})"
    with pytest.raises(ValueError, match="Received: other attack"):
        run(by=0.2)


def test_a_stage_may_be_skipped(images, tmp_path, fits):
    model = network()
    for index, hyperparameters in enumerate(
        (FineTuning(head_epochs=0, epochs=1), FineTuning(epochs=0))
    ):
        folder = tmp_path / str(index)
        finetune(model, images, clean, folder, hyperparameters, verbose=0)
    assert [count for count, _ in fits] == [len(model.trainable_weights), 2]
    # Fewer images than a batch holds are all one step.
    assert [steps for _, steps in fits] == [1, 5]


def test_a_killed_run_goes_on_and_a_finished_one_is_read(
    images, tmp_path, fits, monkeypatch
):
    hyperparameters = FineTuning(head_epochs=1, epochs=3, batch_size=8)

    def run(folder):
        model = network()
        finetune(
            model, images, clean, tmp_path / folder, hyperparameters, verbose=0
        )
        return model.get_weights()

    class Killed(Exception):
        pass

    def die(self, epoch, logs=None):
        if "all" in self.filename and epoch == 1:
            raise Killed

    whole = run("whole")
    with monkeypatch.context() as context, pytest.raises(Killed):
        context.setattr(keras.callbacks.CSVLogger, "on_epoch_end", die)
        run("killed")
    for one, other in zip(whole, run("killed"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    rows = list(csv.DictReader((tmp_path / "killed" / "all.csv").open()))
    assert [row["epoch"] for row in rows] == ["2"]
    fits.clear()
    for one, other in zip(whole, run("killed"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert not fits


def test_trained_but_not_written_nothing_is_repeated(
    images, tmp_path, monkeypatch
):
    """Killed between a stage's last epoch and the writing of its weights."""

    def die(*args, **options):
        raise KeyboardInterrupt

    def run():
        finetune(network(), images, clean, tmp_path, ONE, verbose=0)

    with monkeypatch.context() as context:
        context.setattr("zoo.training.trainers.finetuning.save_weights", die)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert not list(tmp_path.glob("*.weights.h5"))
    run()
    assert len(list(csv.DictReader((tmp_path / "head.csv").open()))) == 1
    assert not list(tmp_path.glob("*_backup"))


def test_a_folder_holds_one_run(images, tmp_path):
    finetune(network(), images, clean, tmp_path, ONE, verbose=0)
    other = FineTuning(head_epochs=1, epochs=1, batch_size=4)
    with pytest.raises(ValueError, match="Received: other batch_size"):
        finetune(network(), images, clean, tmp_path, other)
    with pytest.raises(ValueError, match="Received: other images"):
        finetune(network(), images.take(9), clean, tmp_path, ONE)


def test_a_folder_is_of_one_data_set_whatever_its_order(images, tmp_path, fits):
    def run(dataset):
        finetune(network(), dataset, clean, tmp_path, ONE, verbose=0)

    run(images)
    fits.clear()
    run(images.shuffle(20))
    assert not fits
    darker = images.map(lambda image, label: (image * 0.99, label))
    relabelled = images.map(lambda image, label: (image, (label + 1) % 3))
    for other in (darker, relabelled):
        with pytest.raises(ValueError, match="Received: other data"):
            run(other)


def test_a_folder_is_of_one_model_but_for_its_head(images, tmp_path, fits):
    def run(model):
        finetune(model, images, clean, tmp_path, ONE, verbose=0)

    run(network())
    fits.clear()
    model = network()
    find_head(model).set_weights([np.ones((4, 3)), np.ones(3)])
    run(model)
    assert not fits
    model = network()
    kernel = model.get_layer("conv").kernel
    kernel.assign(kernel + 1e-3)
    with pytest.raises(ValueError, match="Received: other weights$"):
        run(model)
    with dtype_policy("mixed_bfloat16"):
        model = network()
    with pytest.raises(ValueError, match="Received: other dtype_policy$"):
        run(model)
    model = keras.Sequential(
        [*network().layers[:-1], layers.Dense(5, name="logits")], name="network"
    )
    model.build((None, 8, 8, 1))
    with pytest.raises(ValueError, match="Received: other classes$"):
        run(model)


def test_without_a_stage_of_its_own_the_head_is_no_exception(images, tmp_path):
    def run(model):
        hyperparameters = FineTuning(head_epochs=0, epochs=1)
        finetune(model, images, clean, tmp_path, hyperparameters, verbose=0)

    run(network())
    model = network()
    find_head(model).set_weights([np.ones((4, 3)), np.ones(3)])
    with pytest.raises(ValueError, match="Received: other weights"):
        run(model)


def test_nothing_is_said_of_shuffling(images, tmp_path, recwarn):
    finetune(network(), images, clean, tmp_path, ONE, verbose=0)
    assert not [w for w in recwarn if "shuffle" in str(w.message)]


def test_the_samples_are_crafted_at_the_dominant_scale(images, tmp_path):
    model = zoo.models.irm(
        depth=10,
        width=1,
        num_classes=3,
        image_shape=(8, 8, 1),
        scales=(4, 8),
        scale_weights=(0.1, 1.0),
        pooling_bins=(1,),
    )
    seen = []

    def watching(model, images, labels):
        seen.extend(
            layer.scales
            for layer in model.layers
            if hasattr(layer, "scale_weights")
        )
        return images

    hyperparameters = FineTuning(head_epochs=0, epochs=1)
    finetune(model, images, watching, tmp_path, hyperparameters, verbose=0)
    assert set(seen) == {(8,)}


@pytest.mark.parametrize(
    "options, message",
    [
        ({"head_epochs": 0, "epochs": 0}, "an epoch"),
        ({"epochs": -1}, "epochs must be 0 or more"),
        ({"batch_size": 0}, "batch_size must be 1"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"clean_weight": 1.5}, r"clean_weight must be in \[0, 1\]"),
    ],
)
def test_hyperparameters_out_of_range(options, message):
    with pytest.raises(ValueError, match=f"{message}.*Received"):
        FineTuning(**options)


@pytest.mark.parametrize(
    "factor, message",
    [(255.0, "divide 8-bit pixels by 255"), (np.nan, "64 NaN or infinite")],
)
def test_one_image_out_of_range_is_refused(images, tmp_path, factor, message):
    """Before the folder takes note of the data."""

    def spoiled(index, example):
        image, label = example
        return image * tf.where(index == 19, np.float32(factor), 1.0), label

    with pytest.raises(ValueError, match=message):
        spoilt = images.enumerate().map(spoiled)
        finetune(network(), spoilt, clean, tmp_path / "run", ONE)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_trained(images, tmp_path):
    with pytest.raises(ValueError, match="Received: cardinality=0"):
        finetune(network(), images.take(0), clean, tmp_path, ONE)
    weightless = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten()])
    with pytest.raises(ValueError, match="must have weights"):
        finetune(weightless, images, clean, tmp_path / "weightless", ONE)
    flat = keras.Sequential([keras.Input((64,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="one batch of images"):
        finetune(flat, images, clean, tmp_path / "flat", ONE)
    colour = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3)]
    )
    with pytest.raises(ValueError, match=r"8, 8, 3.*Received.*8, 8, 1"):
        finetune(colour, images, clean, tmp_path / "colour", ONE)
    assert not list(tmp_path.iterdir())


def test_a_label_out_of_range_is_refused(images, tmp_path):
    wrong = images.map(lambda image, label: (image, label + 1))
    with pytest.raises(ValueError, match=r"in \[0, 3\). Received: labels from"):
        finetune(network(), wrong, clean, tmp_path / "run", ONE)
    assert not list(tmp_path.iterdir())


def test_an_attack_may_be_text(images, tmp_path):
    with pytest.raises(ValueError, match="needs a radius"):
        finetune(network(), images, "pgd", tmp_path / "run", ONE)
    assert not list(tmp_path.iterdir())
    finetune(network(), images, "noise:eps=0.1", tmp_path, ONE, verbose=0)
    described = json.loads((tmp_path / "finetuning.json").read_text())["attack"]
    assert described.startswith("noise(")


def test_an_interrupted_run_says_how_it_continues(
    images, tmp_path, monkeypatch, capsys
):
    def interrupted(self, epoch, logs=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.callbacks.CSVLogger, "on_epoch_end", interrupted)
    with pytest.raises(KeyboardInterrupt) as interrupt:
        finetune(network(), images, clean, tmp_path, ONE, verbose=0)
    (said,) = interrupt.value.__notes__
    assert said.endswith(f"after the last finished epoch, from {tmp_path}.")
    assert capsys.readouterr().err == ""
