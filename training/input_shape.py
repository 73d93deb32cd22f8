"""The shape of the images that a model takes."""

import keras


def input_shape(model: keras.Model) -> tuple[int | None, ...] | None:
    """Returns `(batch, height, width, channels)`; `None` if it isn't said.

    A subclassed model, or one that isn't built yet, doesn't say.

    Raises:
        ValueError: If the model takes other than one batch of images.
    """
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        return None
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(
            "The model must take one batch of images, (batch, height, width, "
            f"channels). Received: {model.name} with input shape {shape}"
        )
    return shape
