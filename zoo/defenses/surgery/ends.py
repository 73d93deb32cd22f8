"""The two ends of a classifier: pixels in its range, and logits."""

import math

import keras

from zoo.defenses.surgery.copying import copy_graph
from zoo.inspection import is_softmax
from zoo.inspection import last_computing


def copy_to_logits(graph: keras.Model) -> keras.Model:
    """Copies a whole classifier, without the softmax at its end if any.

    Without the softmax, the gradient survives where a probability would
    underflow.

    Args:
        graph: What `classifier_graph` gives.

    Returns:
        A model of the same inputs, from them to logits.

    Raises:
        ValueError: If the outputs are not one row of two or more logits or
            softmax probabilities an image, or a layer can't be copied.
    """
    check_logits(graph)
    shape = graph.output_shape
    last = last_computing(graph.outputs[0])
    if not _is_softmax(last):
        return copy_graph(graph)
    if last.output.shape[-1] != shape[1]:
        raise ValueError(
            "A softmax must be over all classes at once. Received: "
            f"{graph.name} with {shape[1]} classes, whose layer {last.name} "
            f"gives {last.output.shape}"
        )
    return copy_graph(graph, logits_of=last)


def to_pixel_range(images, pixel_range: tuple[float, float]):
    """Moves pixels from [0, 1] to another range.

    Args:
        images: Pixels in [0, 1].
        pixel_range: What 0 and 1 become, for example `(0, 255)` or `(-1, 1)`.

    Raises:
        ValueError: If the range is not two finite numbers, the lower first.
    """
    try:
        low, high = map(float, pixel_range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            "`pixel_range` must be two numbers, the lower first. "
            f"Received: pixel_range={pixel_range}"
        )
    if (low, high) == (0.0, 1.0):
        return images
    return keras.layers.Rescaling(high - low, offset=low, name="pixel_range")(
        images
    )


def check_logits(graph: keras.Model) -> None:
    """Raises a `ValueError` unless the outputs are rows of two or more."""
    shape = graph.output_shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise ValueError(
            "A classifier must give one row of two or more logits an image. "
            f"Received: {graph.name} with output shape {shape}"
        )


def _is_softmax(last: keras.Operation) -> bool:
    if is_softmax(last):
        return True
    activation = getattr(last, "activation", keras.activations.linear)
    if activation not in (
        keras.activations.linear,
        keras.activations.log_softmax,
    ):
        raise ValueError(
            "A classifier must end in logits or softmax probabilities. "
            f"Received: layer {last.name} with activation {activation}"
        )
    return False
