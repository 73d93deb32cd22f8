"""The Artificial Mind's Eye: estimate, draw, compare."""

import keras
from keras import layers

from zoo.layers.explained import Explained
from zoo.layers.minds_eye import Clip
from zoo.layers.minds_eye import FoldClasses
from zoo.layers.minds_eye import MeanSimilarity
from zoo.layers.minds_eye import RepeatForClasses
from zoo.layers.minds_eye import Threshold
from zoo.layers.minds_eye import UnfoldClasses
from zoo.models.minds_eye.stages import PATCH
from zoo.models.minds_eye.stages import comparator
from zoo.models.minds_eye.stages import estimator
from zoo.models.minds_eye.stages import projector

LARGEST_ROTATION = 0.5
"""Of the training images about each axis, in radians."""


def minds_eye_triple(
    *,
    num_classes: int = 4,
    image_shape: tuple[int, int, int] = (64, 64, 1),
    threshold: float = 0.45,
    dropout: float = 0.5,
    name: str = "minds_eye_triple",
) -> keras.Model:
    """Builds the triple-staged network, which draws what it believes to see.

    For each class the first stage estimates the pose that an object of this
    class would have in the image. The second draws the object in that pose.
    The third compares drawing and image patch by patch, and the class's
    score is the mean similarity of the patches, weighted by the drawing's
    alpha. The verdict is the class of the highest score, or none (the last
    class) if all scores are below the threshold. All classes share the
    weights, and run as one batch. The defaults have 7,670,550 weights.

    What explains a verdict is marked by `zoo.layers.Explained`: `pose`
    `(batch, classes, 3)` in radians, `projection` and `alpha`
    `(batch, classes, height, width)`, `similarity`
    `(batch, classes, height - 9, width - 9)` and `scores`
    `(batch, classes)`, the last four in [0, 1]; `classes` leaves none out.

    Where the paper and the released code differ, or the code has a fault,
    this network and its training do what the paper says:

    - The estimates are clipped to their valid range; the released network has
      no clip. Its gradient is straight through, so that it hides nothing.
    - The comparator is trained on the soft alpha that it later sees. The
      released patches hold alpha as bytes, so that in training it is 0 or 1.
    - Alpha's loss takes one sigmoid; the released loss applies a second one
      to the projector's sigmoid.
    - Grey is 0.2126 R + 0.7152 G + 0.0722 B; the released code multiplies
      the last by alpha in place of blue. The data set sees to that.
    - A class that draws nothing has the score 0; the released code divides 0
      by 0.

    Args:
        num_classes: Logits: the objects and, last, none of them.
        image_shape: `(height, width, channels)`; sides multiples of 8, 16 or
            more. One channel, so that a projection is a picture.
        threshold: Scores below it are no proof: capital theta, in (0, 1).
            Higher resists false positives, lower false negatives.
        dropout: Rate after each hidden layer of the estimator, in [0, 1).
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits: the log-odds of the scores,
        and of the threshold.

    Raises:
        ValueError: If there are fewer than 2 classes, or another argument is
            out of its range.

    References:
        Mind's Eye ("The Artificial Mind's Eye"), sections 2 and 3;
        `hberntsen/resisting-adversarials`.
    """
    if num_classes < 2:
        raise ValueError(
            "num_classes must be 2 or more: an object, and none. "
            f"Received: num_classes={num_classes}"
        )
    if image_shape[-1] != 1:
        raise ValueError(
            "image_shape must have one channel. "
            f"Received: image_shape={image_shape}"
        )
    classes = num_classes - 1
    sides = tuple(image_shape[:2])
    estimate = estimator(
        classes=classes, image_shape=image_shape, dropout=dropout
    )
    project = projector(classes=classes, image_shape=image_shape)
    compare = comparator(image_shape=image_shape)

    def unfold(tensor, shape, name):
        """Gives the classes an axis, and marks the tensor."""
        tensor = UnfoldClasses(classes, dtype="float32")(tensor)
        tensor = layers.Reshape((classes, *shape), dtype="float32")(tensor)
        return Explained(name, dtype="float32")(tensor)

    def fold(tensor):
        """Folds the classes, so that what is marked is what is used."""
        return FoldClasses(dtype="float32")(tensor)

    images = keras.Input(image_shape, name="image")
    queries, one_hot = RepeatForClasses(
        classes, dtype="float32", name="queries"
    )(images)
    rotations = estimate({"image": queries, "object": one_hot})
    rotations = Clip(
        -LARGEST_ROTATION, LARGEST_ROTATION, dtype="float32", name="valid_pose"
    )(rotations)
    rotations = unfold(rotations, (3,), "pose")
    drawn = project({"pose": fold(rotations), "object": one_hot})
    projection = Clip(dtype="float32", name="valid_pixels")(drawn["image"])
    projection = unfold(projection, sides, "projection")
    alpha = unfold(drawn["alpha"], sides, "alpha")

    def as_images(tensor):
        return layers.Reshape(image_shape, dtype="float32")(fold(tensor))

    similarity = compare(
        {
            "query": queries,
            "projection": as_images(projection),
            "alpha": as_images(alpha),
        }
    )
    similarity = layers.Activation("sigmoid", dtype="float32")(similarity)
    patches = tuple(side - PATCH + 1 for side in sides)
    similarity = unfold(similarity, patches, "similarity")
    scores = MeanSimilarity(PATCH, name="mean_similarity")([similarity, alpha])
    scores = Explained("scores", dtype="float32")(scores)
    logits = Threshold(threshold, name="verdict")(scores)
    return keras.Model(images, logits, name=name)
