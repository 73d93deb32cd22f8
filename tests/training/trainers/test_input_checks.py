"""What a trainer refuses: pixels, labels, losses and metrics."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.training import AdversarialTrainer
from zoo.training import LabelSmoothing
from zoo.training.trainers.input_checks import check_gives_logits
from zoo.training.trainers.input_checks import check_take_logits
from zoo.training.trainers.input_checks import unpack_batch


def trainer():
    inputs = keras.Input((4, 4, 1))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    trainer = AdversarialTrainer(
        keras.Model(inputs, logits), lambda model, images, labels: images
    )
    trainer.compile()
    return trainer


class Batches(keras.utils.PyDataset):
    """One batch."""

    def __init__(self, images, labels):
        super().__init__()
        self.batch = images, labels

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.batch


def forms(images, labels):
    """What `fit` takes: images, or these and their labels."""
    return {
        "numpy": (images, labels),
        "tensors": (tf.constant(images), tf.constant(labels)),
        "tf.data": (
            tf.data.Dataset.from_tensor_slices((images, labels)).batch(8),
        ),
        "keras": (Batches(images, labels),),
    }


FORMS = "numpy", "tensors", "tf.data", "keras"


FIRST = 32


@pytest.fixture(scope="module")
def shared():
    """One trainer for all that is refused before anything is traced."""
    return trainer()


GOOD = np.zeros((8, 4, 4, 1), "float32"), np.arange(8) % 3


def calls(trainer, images, labels, form):
    """Everything that takes data, as `fit` and other methods do."""
    given = forms(images, labels)[form]
    yield lambda: trainer.fit(*given, verbose=0)
    held_out = given if len(given) > 1 else given[0]
    yield lambda: trainer.fit(*GOOD, validation_data=held_out, verbose=0)
    # Keras' seventh: batch_size, epochs, verbose, callbacks and a split first.
    yield lambda: trainer.fit(*GOOD, 8, 1, 0, None, 0.0, held_out)
    yield lambda: trainer.evaluate(*given, verbose=0)
    if form in ("numpy", "tensors"):
        yield lambda: trainer.train_on_batch(*given)
        yield lambda: trainer.test_on_batch(*given)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.float32(255), "in \\[0, 1\\]; divide 8-bit .* from 0 to 255"),
        (np.uint8(255), "floating point, in \\[0, 1\\]; divide 8-bit"),
        (np.float32(np.nan), "1 NaN or infinite of 128 values"),
    ],
)
def test_wrong_pixels_are_refused_at_once(shared, form, pixels, message):
    images = np.zeros((8, 4, 4, 1), pixels.dtype)
    images[0, 0, 0] = pixels
    for call in calls(shared, images, np.arange(8) % 3, form):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(ValueError, match=message):
        shared.predict(forms(images, GOOD[1])[form][0], verbose=0)
    assert int(shared.optimizer.iterations) == 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", [-1, 3])
def test_labels_out_of_range_are_refused_at_once(shared, form, label):
    low, high = min(label, 0), max(label, 2)
    message = rf"\[0, 3\). Received: labels from {low} to {high}"
    labels = np.array([0, 1, 2, 0, 1, 2, 0, label])
    for call in calls(shared, GOOD[0], labels, form):
        with pytest.raises(ValueError, match=message):
            call()
    assert int(shared.optimizer.iterations) == 0


def test_of_arrays_all_labels_are_checked(shared):
    images = np.zeros((2 * FIRST, 4, 4, 1), "float32")
    labels = np.zeros(2 * FIRST, "int64")
    labels[-1] = 7
    with pytest.raises(ValueError, match="from 0 to 7"):
        shared.fit(images, labels, verbose=0)


def test_a_later_batchs_label_is_one_plain_line():
    """With label smoothing, too, whose one-hot would be of zeros."""
    images = np.zeros((16, 4, 4, 1), "float32")
    labels = np.array([0, 1] * 7 + [0, 5])
    batches = tf.data.Dataset.from_tensor_slices((images, labels)).batch(8)
    one = trainer()
    one.compile(loss=LabelSmoothing(0.1))
    for call in (one.fit, one.evaluate):
        with pytest.raises(ValueError) as caught:
            call(batches, verbose=0)
        assert str(caught.value) == (
            "labels must be in [0, 3). Received: labels from 0 to 5"
        )


def test_compiled_by_xla_labels_pass_unchecked():
    """XLA has no assertions; the step must compile all the same."""
    labels = tf.constant([1, 7])
    checked = tf.function(lambda x, y: unpack_batch((x, y), 3)[1])
    with pytest.raises(tf.errors.InvalidArgumentError):
        checked(tf.zeros((2, 4, 4, 1)), labels)
    compiled = tf.function(
        lambda x, y: unpack_batch((x, y), 3)[1], jit_compile=True
    )
    passed = compiled(tf.zeros((2, 4, 4, 1)), labels)
    np.testing.assert_array_equal(passed, labels)


def test_eager_steps_check_their_labels_too():
    one = trainer()
    one.compile(run_eagerly=True)
    batches = tf.data.Dataset.from_tensor_slices(
        (np.zeros((8, 4, 4, 1), "float32"), [0, 1, 2, 0, 1, 2, 0, 5])
    ).batch(4)
    with pytest.raises(ValueError, match="labels from 0 to 5"):
        one.fit(batches, verbose=0)


def test_other_errors_pass_unchanged(shared):
    with pytest.raises(ValueError, match=r"4, 4, 1.*Received.*4, 4, 3"):
        shared.fit(np.zeros((8, 4, 4, 3), "float32"), np.arange(8) % 3)


@pytest.mark.parametrize("form", [*FORMS, "generator"])
def test_looking_at_the_first_images_takes_none_away(form):
    one = trainer()
    given = forms(*GOOD)
    given["generator"] = ((batch for batch in [GOOD]),)
    one.fit(*given[form], verbose=0, steps_per_epoch=1)
    assert int(one.optimizer.iterations) == 1


WRONG = [
    "sparse_categorical_crossentropy",
    "SparseCategoricalCrossentropy",
    "crossentropy",
    "binary_crossentropy",
    keras.losses.SparseCategoricalCrossentropy(),
    keras.losses.CategoricalFocalCrossentropy(),
    keras.losses.CategoricalGeneralizedCrossEntropy(),
    keras.losses.sparse_categorical_crossentropy,
    LabelSmoothing(from_logits=False),
    functools.partial(
        keras.losses.sparse_categorical_crossentropy, ignore_class=0
    ),
    keras.losses.serialize(keras.losses.SparseCategoricalCrossentropy()),
]
WRONG_METRICS = [
    "sparse_categorical_crossentropy",
    keras.metrics.SparseCategoricalCrossentropy(),
    keras.metrics.AUC(),
    keras.metrics.MeanMetricWrapper(
        keras.metrics.sparse_categorical_crossentropy
    ),
]
RIGHT = [
    None,
    "accuracy",
    "sparse_categorical_accuracy",
    "mse",
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
    keras.metrics.MeanMetricWrapper(
        keras.metrics.sparse_categorical_crossentropy, from_logits=True
    ),
    keras.metrics.SparseTopKCategoricalAccuracy(2),
    LabelSmoothing(0.1),
    lambda y, logits: 0.0,
    functools.partial(
        keras.losses.sparse_categorical_crossentropy, from_logits=True
    ),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_loss_of_probabilities_is_refused(shared, wrong):
    for given in (wrong, [wrong], {"logits": wrong}):
        with pytest.raises(ValueError, match="from_logits=True.*loss="):
            shared.compile("adam", loss=given)


@pytest.mark.parametrize("wrong", WRONG_METRICS)
def test_a_metric_of_probabilities_is_refused(shared, wrong):
    for given in (wrong, ["accuracy", wrong], {"logits": [wrong]}):
        for argument in ("metrics", "weighted_metrics"):
            with pytest.raises(ValueError, match=rf"Received: {argument}="):
                shared.compile("adam", **{argument: given})


@pytest.mark.parametrize("right", RIGHT)
def test_what_takes_logits_is_accepted(right):
    for given in (right, [right], {"logits": right}):
        check_take_logits(loss=given, metrics=given)


def test_unknown_names_are_left_to_keras():
    one = trainer()
    one.compile("adam", loss="nonsense")
    with pytest.raises(ValueError, match="nonsense"):
        one.fit(*GOOD, verbose=0)


ENDS = {
    "activation": [keras.layers.Dense(3, activation="softmax", name="end")],
    "layer": [keras.layers.Dense(3), keras.layers.Softmax(name="end")],
    "nested": [
        keras.Sequential(
            [
                keras.layers.Dense(3),
                keras.layers.Activation("softmax", name="end"),
            ]
        )
    ],
    "sigmoid": [keras.layers.Dense(3, activation="sigmoid", name="end")],
    "identity": [
        keras.layers.Dense(3),
        keras.layers.Activation("softmax", name="end"),
        keras.layers.Identity(),
    ],
    "reshape": [
        keras.layers.Dense(3),
        keras.layers.Softmax(name="end"),
        keras.layers.Reshape((3,)),
        keras.layers.Activation("linear", dtype="float32"),
    ],
}


@pytest.mark.parametrize("layers", ENDS.values(), ids=ENDS)
def test_a_model_that_ends_in_a_softmax_is_refused(layers):
    """The loss and the attacks would take a second one."""
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), *layers]
    )
    with pytest.raises(ValueError, match="must give logits.* layer end gives"):
        AdversarialTrainer(model, lambda model, images, labels: images)


def one_function(function, outputs=1):
    inputs = keras.Input((4, 4, 1))
    logits = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    more = [logits] * (outputs - 1)
    return keras.Model(inputs, [*more, function(logits)])


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.end = keras.layers.Dense(3, activation="softmax", name="end")

    def call(self, images):
        return self.end(keras.ops.reshape(images, (-1, 16)))


@pytest.mark.parametrize(
    "model",
    [
        one_function(keras.ops.softmax),
        one_function(keras.ops.sigmoid),
        one_function(lambda x: keras.ops.cast(keras.ops.softmax(x), "float16")),
        one_function(keras.activations.softmax, outputs=2),
        keras.Sequential(
            [keras.Input((4, 4, 1)), one_function(keras.ops.softmax)]
        ),
        keras.Sequential([keras.layers.Flatten(), keras.layers.Softmax()]),
        Subclassed(),
    ],
)
def test_other_ways_to_probabilities_are_refused(model):
    with pytest.raises(ValueError, match="whose layer .* gives probabilities"):
        check_gives_logits(model)


@pytest.mark.parametrize(
    "function",
    [
        keras.layers.Identity(),
        keras.ops.log_softmax,
        keras.activations.linear,
        lambda x: x * keras.ops.softmax(x),
    ],
)
def test_a_model_of_logits_is_accepted(function):
    check_gives_logits(one_function(function))
