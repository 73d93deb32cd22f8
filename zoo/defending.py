"""Defenses by name, put around a classifier that has none."""

import importlib
import inspect
from typing import TYPE_CHECKING
from typing import Any

from zoo.suggestions import check_options
from zoo.suggestions import did_you_mean

if TYPE_CHECKING:
    import keras

DEFENSES = {
    "blurnet": "zoo.defenses.blurnet",
    "irm": "zoo.defenses.irm",
    "jpeg": "zoo.defenses.jpeg",
    "semantic_jpeg": "zoo.defenses.semantic_jpeg",
}
"""The module of each defense; the function in it has the same name."""


def defend(model: "keras.Model", defense: str, **options: Any) -> "keras.Model":
    """Puts a defense around a Keras classifier, yours or Keras' own.

    Your model isn't modified: the defended one has copies of its layers and
    weights. What `"irm"` and `"blurnet"` add is untrained, so train the
    result, best with `zoo.training.AdversarialTrainer`.

    Args:
        model: Functional or Sequential classifier of one batch of images,
            such as those of `keras.applications`; for `"jpeg"` and
            `"semantic_jpeg"` a subclassed one, too.
        defense: `"blurnet"` (`zoo.defenses.blurnet`): a depthwise filter
            behind the first convolution. `"irm"` (`zoo.defenses.irm`):
            random-patch JPEG, then the model's features at several scales,
            pooled by a spatial pyramid under a new classifying layer.
            `"jpeg"` (`zoo.defenses.jpeg`): JPEG in front of the whole model.
            `"semantic_jpeg"` (`zoo.defenses.semantic_jpeg`): the same, with
            more quality where `saliency`, another model, sees an object.
        options: Options of the defense's function.

    Returns:
        A model mapping pixels in [0, 1], NHWC, to logits.

    Raises:
        ValueError: If the defense or an option is unknown, an option is
            missing that has no default, or the model cannot be wrapped: the
            message says why.
    """
    if defense not in DEFENSES:
        raise ValueError(
            f"Defenses are {', '.join(DEFENSES)}."
            f"{did_you_mean(str(defense).lower(), DEFENSES)} "
            f"Received: defense={defense!r}"
        )
    function = getattr(importlib.import_module(DEFENSES[defense]), defense)
    check_options(defense, function, options, hidden=("model",))
    for option, parameter in inspect.signature(function).parameters.items():
        needed = option != "model" and parameter.default is parameter.empty
        if needed and option not in options:
            raise ValueError(
                f"`{defense}` needs the option {option}. "
                f"Received: {', '.join(options) or 'no options'}"
            )
    return function(model, **options)
