"""What an evaluation must know of a model, asked once."""

import dataclasses

import keras

from zoo.inspection import check_float_input
from zoo.inspection import class_count
from zoo.inspection import hidden_gradients
from zoo.inspection import input_shape
from zoo.inspection import is_black_box
from zoo.inspection import is_stochastic


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """Answers of a model to all that an evaluation asks of it.

    Args:
        name: The model's name.
        stochastic: Whether its predictions are random.
        black_box: Whether it has no gradient to give.
        hidden_gradients: Names of the layers that hide theirs.
        input_shape: `(batch, height, width, channels)`, `None` for what the
            model doesn't say.
        classes: Number of classes, `None` if the model doesn't say.
    """

    name: str
    stochastic: bool
    black_box: bool
    hidden_gradients: tuple[str, ...]
    input_shape: tuple[int | None, ...] | None
    classes: int | None

    @classmethod
    def from_model(cls, model: keras.Model) -> "ModelFacts":
        """Asks a model.

        Raises:
            ValueError: If the model takes other than one batch of images, or
                pixels of an integer type.
        """
        check_float_input(model)
        return cls(
            name=model.name,
            stochastic=is_stochastic(model),
            black_box=is_black_box(model),
            hidden_gradients=tuple(
                layer.name for layer in hidden_gradients(model)
            ),
            input_shape=input_shape(model),
            classes=class_count(model),
        )
