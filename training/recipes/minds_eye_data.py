"""What the networks of Mind's Eye are trained on, as batches.

Each pipeline reads `rendered_objects` with all its features. Pixels and alpha
become float32 in [0, 1].
"""

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.models.minds_eye.stages import PATCH
from zoo.training import datasets

OBJECTS = 3
"""Classes that have an object; the next label is that of none."""

_STRIDE = 6
"""Pixels between the patches of an image, along both sides."""

_SHUFFLED = 10_000
"""Examples among which the next one is chosen."""

Features = Mapping[str, Any]


def batches(
    data: str,
    split: str,
    example: Callable[[Features], tuple],
    *,
    positives: bool = False,
    batch_size: int,
    seed: int,
    training: bool,
    data_dir: Any = None,
) -> tf.data.Dataset:
    """Returns batches of a stage's examples.

    Args:
        data: Name of the set.
        split: As TFDS takes it.
        example: What `fit` needs of one example: `to_classify`,
            `to_classify_with_pose`, `to_estimate` or `to_project`.
        positives: Whether to leave out images without an object.
        batch_size: Examples in a batch.
        seed: Of the order.
        training: Whether to shuffle, and drop the last batch if it is
            smaller.
        data_dir: Where TFDS keeps its data.
    """
    examples = datasets.load_features(data, split, data_dir=data_dir)
    count = len(examples)
    if positives:
        # As many as there are in the whole set; parts of it differ by a few.
        count = count * OBJECTS // (OBJECTS + 1)
        examples = examples.filter(lambda one: one["label"] < OBJECTS)
        examples = examples.repeat().take(count)
    if training:
        examples = examples.shuffle(_SHUFFLED, seed=seed)
    examples = examples.map(
        lambda one: example(_to_floats(one)), num_parallel_calls=2
    )
    examples = examples.apply(tf.data.experimental.assert_cardinality(count))
    examples = examples.batch(batch_size, drop_remainder=training)
    return examples.prefetch(tf.data.AUTOTUNE)


def to_classify(one: Features) -> tuple:
    """Returns `(image, label)`."""
    return one["image"], one["label"]


def to_classify_with_pose(one: Features) -> tuple:
    """Returns `(image, labels, weights)`; none has no pose to learn."""
    labels = {"logits": one["label"], "pose": one["pose"]}
    has_pose = tf.cast(one["label"] < OBJECTS, "float32")
    return one["image"], labels, {"logits": 1.0, "pose": has_pose}


def to_estimate(one: Features) -> tuple:
    """Returns `(image and object, pose)`."""
    return {"image": one["image"], "object": _one_hot(one)}, one["pose"]


def to_project(one: Features) -> tuple:
    """Returns `(pose and object, image and alpha)`."""
    inputs = {"pose": one["pose"], "object": _one_hot(one)}
    return inputs, {"image": one["clean"], "alpha": one["alpha"]}


def draw(
    data: str,
    split: str,
    estimator: keras.Model,
    projector: keras.Model,
    *,
    seed: int,
    data_dir: Any = None,
) -> dict[str, np.ndarray]:
    """Lets the first two stages draw objects that are there or not.

    Half of the drawings are of the object in an image that has one. The
    others are of a class that is not the image's, in any image.

    Args:
        data: Name of the set.
        split: As TFDS takes it. Each image is drawn for once; images without
            an object are left out where an object is needed.
        estimator: The trained first stage.
        projector: The trained second stage.
        seed: Of the choice.
        data_dir: Where TFDS keeps its data.

    Returns:
        `query`, `projection` and `alpha`, `(count, 64, 64, 1)` in [0, 1], the
        latter two float16, soft as the comparator will see them; and `same`,
        `(count,)`, whether the object is there.
    """
    rng = np.random.default_rng(seed)
    parts = []
    features = datasets.load_features(data, split, data_dir=data_dir)
    for batch in features.batch(256).as_numpy_iterator():
        labels = batch["label"]
        same = rng.random(len(labels)) < 0.5
        keep = ~same | (labels < OBJECTS)
        # 1 in 4 images has no object: this many negatives are as many.
        keep &= same | (rng.random(len(labels)) < 0.75)
        others = (labels + rng.integers(1, OBJECTS, len(labels))) % OBJECTS
        anything = rng.integers(0, OBJECTS, len(labels))
        others = np.where(labels < OBJECTS, others, anything)
        classes = np.where(same, labels, others)[keep]
        one_hot = np.eye(OBJECTS, dtype="float32")[classes]
        query = (batch["image"][keep] / 255.0).astype("float32")
        pose = estimator({"image": query, "object": one_hot}, training=False)
        pose = np.clip(pose, -0.5, 0.5)
        drawn = projector({"pose": pose, "object": one_hot}, training=False)
        parts.append(
            {
                "query": batch["image"][keep],
                "projection": np.clip(drawn["image"], 0, 1).astype("float16"),
                "alpha": np.asarray(drawn["alpha"], "float16"),
                "same": same[keep],
            }
        )
    return {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
    }


def patches(
    drawings: Mapping[str, np.ndarray],
    *,
    batch_size: int,
    seed: int,
    training: bool,
) -> tf.data.Dataset:
    """Returns batches of patches for the comparator.

    Patches of 10×10 are cut out at every sixth pixel. Those on which less
    than 1 % is drawn are left out, since they don't count in the score.

    Args:
        drawings: What `draw` returned.
        batch_size: Patches in a batch.
        seed: Of the order.
        training: Whether to shuffle, and drop the last batch if it is
            smaller.

    Returns:
        `(query, projection and alpha by name, same)`, the last
        `(batch, 1, 1, 1)`.
    """
    names = ("query", "projection", "alpha")
    cut = {name: _cut(drawings[name]) for name in names}
    drawn = cut["alpha"].astype("float32").sum((1, 2, 3)) > PATCH**2 / 100
    per_image = len(drawn) // len(drawings["same"])
    same = np.repeat(drawings["same"], per_image)[drawn]
    cut = {name: values[drawn] for name, values in cut.items()}
    examples = tf.data.Dataset.from_tensor_slices(np.arange(len(same)))
    if training:
        examples = examples.shuffle(len(same), seed=seed)
    examples = examples.batch(batch_size, drop_remainder=training)
    types = {name: cut[name].dtype for name in names}

    def gather(indices):
        return (*(cut[name][indices] for name in names), same[indices])

    def read(indices):
        *values, labels = tf.numpy_function(
            gather, [indices], [*types.values(), "bool"]
        )
        inputs = {}
        for name, value in zip(names, values, strict=True):
            scale = 255.0 if name == "query" else 1.0
            value = tf.cast(value, "float32") / scale
            inputs[name] = tf.ensure_shape(value, (None, PATCH, PATCH, 1))
        labels = tf.ensure_shape(tf.cast(labels, "float32"), (None,))
        return inputs, labels[:, None, None, None]

    return examples.map(read).prefetch(tf.data.AUTOTUNE)


def _cut(images):
    """Returns the patches of all images, `(count * patches, 10, 10, 1)`."""
    windows = np.lib.stride_tricks.sliding_window_view(
        images[..., 0], (PATCH, PATCH), axis=(1, 2)
    )[:, ::_STRIDE, ::_STRIDE]
    return windows.reshape(-1, PATCH, PATCH, 1)


def _to_floats(one):
    pictures = {
        name: tf.cast(one[name], "float32") / 255.0
        for name in ("image", "alpha", "clean")
    }
    return {**one, **pictures}


def _one_hot(one):
    return tf.one_hot(one["label"], OBJECTS)
