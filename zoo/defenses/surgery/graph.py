"""Models as graphs of layers, which a defense takes apart."""

import keras

from zoo.inspection import check_float_input
from zoo.inspection import is_graph


def classifier_graph(model: keras.Model) -> keras.Model:
    """Returns a functional view of a model, its layers shared with it.

    Args:
        model: Functional or built Sequential model.

    Returns:
        A functional model from one tensor of images to one of outputs.

    Raises:
        ValueError: If the model is neither, or takes anything but one batch
            of floating-point images, grey or RGB, channels last.
    """
    name = getattr(model, "name", type(model).__name__)
    if not is_graph(model):
        raise ValueError(
            "A defense needs the graph of the model's layers: a functional "
            "model or a Sequential one with a keras.Input, whose call is not "
            "overridden. With inputs = keras.Input(image_shape), make one by "
            "keras.Model(inputs, mine(inputs)) of another Sequential model, by "
            "keras.Model(inputs, mine.call(inputs)) of one with its own call. "
            f"Received: {name} of {type(model).__name__}"
        )
    check_float_input(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "A defense needs a model of one input and one output. Received: "
            f"{name} of {len(model.inputs)} inputs and {len(model.outputs)} "
            "outputs"
        )
    (images,) = model.inputs
    if len(images.shape) != 4 or images.shape[-1] not in (1, 3):
        raise ValueError(
            "A defense needs a model of images, (batch, height, width, "
            f"channels) with one channel or three. Received: {name} with "
            f"input shape {images.shape}"
        )
    return keras.Model(images, model.outputs[0], name=name)
