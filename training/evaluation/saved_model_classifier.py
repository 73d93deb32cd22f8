"""Loads a SavedModel as a Keras model that only predicts."""

import math
import os
import re

import keras
import numpy as np
import tensorflow as tf

from zoo.inspection import MOST_PIXELS
from zoo.inspection import are_probabilities
from zoo.saved_model_folder import check_files
from zoo.saved_model_folder import newest_version
from zoo.training.evaluation.harmless_graph import check_harmless
from zoo.training.evaluation.harmless_graph import unloadable

_SIGNATURE = "serving_default"
_PROBES = 4
_RANDOM = re.compile(
    "Random|Multinomial|TruncatedNormal|StatefulUniform"
    "|StatefulStandardNormal|^Rng"
)


def load_saved_model(
    path: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    trust: bool = False,
) -> keras.Model:
    """Wraps a SavedModel's signature `serving_default` as a Keras model.

    The signature takes one batch of float images, NHWC, pixels in [0, 1]. The
    output used is `logits`, which `zoo.exports.save` writes; else the only
    float output of shape (batch, classes); else `probabilities`. If on images
    of noise all its values are in [0, 1] and every row sums to 1, the output
    is probabilities, and their logarithm is returned.

    A SavedModel is a program. One that might do more than calculate, as
    `check_harmless` says, is loaded only if you trust it.

    Gradient: none. A SavedModel has lost the straight-through gradients of
    its layers. What is left may be wrong without being zero, so `black_box`
    is true: attacks that need the gradient refuse the model.
    Randomness: the SavedModel's own, which no seed repeats. `stochastic` says
    whether its graph draws random numbers.

    Args:
        path: Folder with a `saved_model.pb`, or with numbered versions of it;
            the highest version is loaded.
        image_size: Height and width, if the signature leaves them open.
        trust: Whether to load it whatever its graph does.

    Returns:
        A model mapping pixels in [0, 1] to float32 logits.

    Raises:
        FileNotFoundError: If there is no SavedModel.
        ValueError: If it cannot be loaded, is no such classifier, or is not
            harmless and not trusted.
    """
    directory = newest_version(path)
    check_files(directory)
    if not trust:
        check_harmless(directory)
    try:
        loaded = tf.saved_model.load(str(directory))
    except Exception as error:  # Damaged object graphs raise many kinds.
        raise unloadable(directory, error) from error
    if _SIGNATURE not in loaded.signatures:
        raise ValueError(
            f"{directory} must have the signature {_SIGNATURE}. "
            f"Received: {', '.join(loaded.signatures) or 'no signatures'}"
        )
    signature = loaded.signatures[_SIGNATURE]
    argument, shape = _image_input(signature, directory, image_size)
    logits = _Logits(loaded, signature, argument)
    try:
        logits.probe(shape)
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(
            f"{directory} must map each image to one row of logits or "
            f"probabilities. Received: {error}"
        ) from error
    images = keras.Input(shape)
    name = directory.resolve()
    name = name.parent.name if name.name.isdecimal() else name.name
    # It is shown on terminals.
    name = "".join(c if c.isprintable() else "_" for c in name)
    return keras.Model(images, logits(images), name=name or None)


class _Logits(keras.layers.Layer):
    """The signature, its output as float32 logits."""

    black_box = True

    def __init__(self, loaded, signature, argument):
        super().__init__(dtype="float32", autocast=False)
        self.stochastic = _draws(signature)
        # The signature alone doesn't keep its variables.
        self._loaded = loaded
        self._signature = signature
        self._argument = argument
        self._output = None
        self._classes = None
        self._probabilities = False

    def probe(self, shape):
        """Finds out what the outputs are."""
        noise = np.random.default_rng(0).random((_PROBES, *shape), "float32")
        outputs = self._outputs(noise)
        self._output = _chosen(outputs)
        rows = tf.cast(outputs[self._output], "float32").numpy()
        if len(rows) != _PROBES:
            raise ValueError(f"{len(rows)} rows for {_PROBES} images")
        self._classes = rows.shape[1]
        self._probabilities = are_probabilities(rows)

    def call(self, images):
        rows = tf.cast(self._outputs(images)[self._output], "float32")
        rows = tf.ensure_shape(rows, (None, self._classes))
        if self._probabilities:
            rows = tf.math.log(tf.maximum(rows, np.finfo("float32").tiny))
        return tf.stop_gradient(rows)

    def _outputs(self, images):
        spec = self._signature.structured_input_signature[1][self._argument]
        return self._signature(**{self._argument: tf.cast(images, spec.dtype)})


def _image_input(signature, directory, image_size):
    """Returns the argument's name and the images' shape."""
    arguments = signature.structured_input_signature[1]
    argument, spec = next(iter(arguments.items()), (None, None))
    if (
        len(arguments) != 1
        or not spec.dtype.is_floating
        or spec.shape.rank != 4
        or spec.shape[0] is not None
        or spec.shape[-1] is None
    ):
        raise ValueError(
            f"{directory} must take any number of float images, (batch, "
            "height, width, channels). Received: "
            f"{list(arguments.values())}"
        )
    *size, channels = spec.shape[1:]
    wanted = tuple(image_size or size)
    if None in wanted:
        raise ValueError(
            f"{directory} takes images of any size; give the height and width "
            "as `image_size`, on the command line --image-size. "
            f"Received: {spec.shape}"
        )
    if any(n not in (None, want) for n, want in zip(size, wanted, strict=True)):
        raise ValueError(
            "`image_size` must agree with the SavedModel's input, "
            f"{spec.shape}. Received: image_size={image_size}"
        )
    if math.prod(wanted) > MOST_PIXELS:
        raise ValueError(
            f"Images must have at most {MOST_PIXELS:,} pixels. "
            f"Received: {directory}, for {wanted[0]}x{wanted[1]}"
        )
    return argument, (*wanted, channels)


def _chosen(outputs):
    """Returns the name of the output that is logits or probabilities."""
    rows = [
        name
        for name, output in outputs.items()
        if output.dtype.is_floating and output.shape.rank == 2
    ]
    for name in ("logits", *(rows if len(rows) == 1 else ()), "probabilities"):
        if name in rows and outputs[name].shape[1] > 1:
            return name
    received = ", ".join(
        f"{name} {output.dtype.name}{output.shape}"
        for name, output in sorted(outputs.items())
    )
    raise ValueError(f"the outputs {received}")


def _draws(signature):
    """Returns whether the signature's graph draws random numbers."""
    graph = signature.graph.as_graph_def()
    bodies = (function.node_def for function in graph.library.function)
    return any(
        _RANDOM.search(node.op)
        for nodes in (graph.node, *bodies)
        for node in nodes
    )
