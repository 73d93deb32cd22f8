"""Checks of what a trainer's `compile` and `fit` are given."""

import contextlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.inspection import class_count
from zoo.inspection import input_shape
from zoo.inspection import probability_layer
from zoo.validation import check_images
from zoo.validation import check_labels

_FIRST = 32
"""Images of an array that are checked: as many as a batch of Keras has."""

_ASSERTION = "labels_in_range"
_PROBABILITIES_ALONE = "categoricalgeneralizedcrossentropy"
"""A loss of Keras that takes no logits; without underscores and capitals."""


def check_take_logits(**compiled: Any) -> None:
    """Refuses losses and metrics that take probabilities for predictions.

    Args:
        compiled: Arguments of `compile` by their names: names, objects,
            functions or configurations, and lists or dictionaries of these.

    Raises:
        ValueError: If one of them has `from_logits=False`.
    """
    for argument, given in compiled.items():
        for one in _leaves(given):
            if _takes_probabilities(one, argument):
                raise ValueError(
                    "The model gives logits, so losses and metrics must take "
                    "logits: pass an object with from_logits=True, such as "
                    "keras.losses.SparseCategoricalCrossentropy("
                    f"from_logits=True). Received: {argument}={one!r}"
                )


def check_gives_logits(model: keras.Model) -> None:
    """Refuses a model that ends in a softmax or sigmoid.

    The loss and the attacks would apply a second one, without a word.

    Raises:
        ValueError: If `zoo.inspection.probability_layer` finds one.
    """
    last = probability_layer(model)
    if last is not None:
        raise ValueError(
            "The model must give logits; leave the softmax or sigmoid at its "
            f"end out. Received: {model.name}, whose layer {last.name} gives "
            "probabilities"
        )


def check_data(model: keras.Model, x: Any, y: Any = None) -> None:
    """Checks the first images and labels of what `fit` is given.

    Of arrays, all labels are checked. A generator's data are not checked,
    since they can be read only once.

    Args:
        model: Maps pixels in [0, 1] to logits.
        x: Array of images, or batches of `(images, labels, ...)` as a
            `tf.data` or Keras data set.
        y: Array of labels, if `x` is an array.

    Raises:
        ValueError: If the images are not floating-point pixels in [0, 1] of a
            shape that the model takes, or a label is no class of the model.
    """
    if hasattr(x, "shape"):
        images, labels = x[:_FIRST], y
    else:
        images, labels = _first_batch(x)
    if images is not None:
        check_images(images, input_shape(model))
    if labels is not None:
        labels = np.asarray(labels)
        if labels.ndim == 1 and labels.dtype.kind in "iu":
            check_labels(labels, len(labels), class_count(model))


def unpack_batch(data: Any, classes: int | None) -> tuple:
    """Unpacks a batch inside the graph, and checks its labels.

    Their range is an assertion in the graph, whose error is for
    `plain_label_errors` to translate. XLA leaves assertions out.

    Args:
        data: What Keras gives a training step.
        classes: Number of classes; `None` allows any label.

    Returns:
        Images, labels and sample weights; these are `None` if there are none.

    Raises:
        ValueError: If the labels are not integers of shape `(batch,)`.
    """
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    shape = None if labels is None else labels.shape
    if shape is None or len(shape) != 1 or not labels.dtype.is_integer:
        received = "none" if shape is None else f"{shape} {labels.dtype}"
        raise ValueError(
            "Labels must be classes, integers of shape (batch,). "
            f"Received: {received}"
        )
    if classes is not None and tf.executing_eagerly():
        check_labels(labels, len(labels), classes)
    elif classes is not None:
        inside = tf.reduce_all((labels >= 0) & (labels < classes))
        found = [tf.reduce_min(labels), tf.reduce_max(labels)]
        with tf.control_dependencies(
            [tf.debugging.Assert(inside, found, name=_ASSERTION)]
        ):
            labels = tf.identity(labels)
    return images, labels, weights


@contextlib.contextmanager
def plain_label_errors(classes: int | None) -> Iterator[None]:
    """Turns the error of `unpack_batch`'s assertion into a `ValueError`."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(
            r"assertion failed: \[(-?\d+)\] \[(-?\d+)\]", str(error)
        )
        if found is None or _ASSERTION not in str(error):
            raise
        raise ValueError(
            f"labels must be in [0, {classes}). "
            f"Received: labels from {found[1]} to {found[2]}"
        ) from None


def _first_batch(x):
    """Returns the first images and labels of a data set, `None` if unknown."""
    if isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
    elif isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    else:
        return None, None
    if not isinstance(batch, (tuple, list)):
        return batch, None
    return batch[0], batch[1] if len(batch) > 1 else None


def _leaves(given):
    """Yields single losses or metrics from any nesting of them."""
    if isinstance(given, dict) and "class_name" not in given:
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        for one in given:
            yield from _leaves(one)
    elif given is not None:
        yield given


def _takes_probabilities(one, argument) -> bool:
    if isinstance(one, (str, dict)):
        # Keras chooses the cross-entropy, by the labels; none takes logits.
        if str(one).lower() in ("crossentropy", "ce"):
            return True
        if str(one).lower() in ("accuracy", "acc"):
            return False
        system = keras.losses if argument == "loss" else keras.metrics
        try:
            one = system.get(one)
        except ValueError:
            return False  # Keras names those that there are.
    for attribute in ("from_logits", "_from_logits"):
        if hasattr(one, attribute):
            return not getattr(one, attribute)
    # Losses and metrics that wrap a function hold its options.
    function = getattr(one, "fn", getattr(one, "_fn", one))
    options = getattr(one, "_fn_kwargs", {})
    name = getattr(function, "__name__", type(function).__name__)
    if name.replace("_", "").lower() == _PROBABILITIES_ALONE:
        return True
    try:
        parameter = inspect.signature(function).parameters.get("from_logits")
    except (TypeError, ValueError):  # Built in C.
        return False
    if parameter is None:
        return False
    return not options.get("from_logits", parameter.default)
