"""Classifiers whose outputs are logits."""

import keras

from zoo.defenses.classifier import is_graph
from zoo.defenses.classifier import producer
from zoo.defenses.copying import copy_graph


def copy_to_logits(graph: keras.Model) -> keras.Model:
    """Copies a whole classifier, without the softmax at its end if any.

    Taking the softmax away keeps the gradient that its logarithm would lose
    where a confidence underflows.

    Args:
        graph: What `classifier_graph` gives.

    Returns:
        A model of the same inputs, from them to logits.

    Raises:
        ValueError: If the outputs are not one row of two or more logits or
            softmax confidences an image, or a layer can't be copied.
    """
    shape = graph.output_shape
    if len(shape) != 2 or shape[1] is None or shape[1] < 2:
        raise ValueError(
            "A classifier must give one row of two or more logits an image. "
            f"Received: {graph.name} with output shape {shape}"
        )
    last, _ = producer(graph.outputs[0])
    while is_graph(last):
        last, _ = producer(last.outputs[0])
    return copy_graph(graph, logits_of=last if _is_softmax(last) else None)


def _is_softmax(last: keras.Operation) -> bool:
    # The layer, or the operation of that name.
    if type(last).__name__ == "Softmax":
        return True
    activation = getattr(last, "activation", keras.activations.linear)
    if activation is keras.activations.softmax:
        return True
    if activation not in (
        keras.activations.linear,
        keras.activations.log_softmax,
    ):
        raise ValueError(
            "A classifier must end in logits or softmax confidences. "
            f"Received: layer {last.name} with activation {activation}"
        )
    return False
