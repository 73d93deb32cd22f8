"""Marks a tensor of a model as a part of what explains its verdict."""

import keras


@keras.saving.register_keras_serializable(package="zoo")
class Explained(keras.layers.Layer):
    """Passes a tensor through and names it as part of the explanation.

    `zoo.inspection.explanation(model)` gives what all such layers of a model
    pass, by name: a saliency map, a drawn projection. Exports serve it as the
    signature `explain`. Put the layer into the model's own graph, not into a
    model inside it.

    Gradient: the identity.
    Randomness: none.

    Args:
        explains: What the tensor is, such as `"saliency"`. A key of the
            explanation, so a Python identifier.

    Input shape: Any.
    Output shape: Same as the input.

    Raises:
        ValueError: If `explains` is no Python identifier.
    """

    stochastic = False

    def __init__(self, explains: str, **kwargs):
        kwargs.setdefault("name", f"explained_{explains}")
        super().__init__(**kwargs)
        if not str(explains).isidentifier():
            raise ValueError(
                "`explains` must be a Python identifier. "
                f"Received: explains={explains!r}"
            )
        self.explains = explains

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "explains": self.explains}
