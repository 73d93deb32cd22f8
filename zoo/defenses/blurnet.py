"""A blur behind the first convolution of a classifier."""

import keras

from zoo.defenses.classifier import classifier_graph
from zoo.defenses.first_convolution import follow_first_convolution
from zoo.defenses.logits import copy_to_logits
from zoo.defenses.pixel_range import to_pixel_range
from zoo.layers.blur import Blur
from zoo.regularizers.l_inf import LInf
from zoo.regularizers.total_variation import TotalVariation

_BLURS = ("box", "gaussian", "learned")


def blurnet(
    model: keras.Model,
    *,
    kernel_size: int | None = 3,
    blur: str = "learned",
    start: str = "gaussian",
    l_inf: float = 0.0,
    total_variation: float = 0.0,
    pixel_range: tuple[float, float] = (0.0, 1.0),
) -> keras.Model:
    """Filters the first feature maps of a classifier: BlurNet.

    A depthwise convolution takes what the first convolution gives. That is
    after the convolution's own activation, as in `zoo.models.blurnet`; a
    normalisation or activation of another layer comes after the filter.

    Gradient: exact.
    Randomness: none.

    Args:
        model: As for `zoo.defend`. A softmax at its end is taken away.
        kernel_size: Pixels along the filters' sides, odd; `None` for no
            filter but a penalty.
        blur: `"box"` or `"gaussian"`, both fixed, or `"learned"`.
        start: Where learned filters start: `"box"`, `"gaussian"`,
            `"identity"`, which leaves the model as accurate as it was, or
            the name of a Keras initializer.
        l_inf: Strength of `zoo.regularizers.LInf` on learned filters.
        total_variation: Strength of `zoo.regularizers.TotalVariation` on the
            first feature maps, as they are before the filter.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1: `(0, 255)` or `(-1, 1)`. Preprocessing of another kind
            belongs into the model.

    Returns:
        A model mapping pixels in [0, 1] to logits, with copies of the
        model's layers and weights.

    Raises:
        ValueError: If an argument is out of its range, or the model is none
            that can be wrapped.

    Reference: BlurNet ("Defense by Filtering the Feature Maps").
    """
    if blur not in _BLURS:
        raise ValueError(
            f"`blur` must be one of {', '.join(map(repr, _BLURS))}. "
            f"Received: blur={blur!r}"
        )
    learned = blur == "learned"
    if l_inf and not (learned and kernel_size is not None):
        raise ValueError(
            "`l_inf` is a penalty on learned filters. Received: "
            f"l_inf={l_inf}, blur={blur!r}, kernel_size={kernel_size}"
        )

    def filter_after(convolution):
        if total_variation:
            convolution.activity_regularizer = TotalVariation(total_variation)
        if kernel_size is None:
            return None
        return Blur(
            kernel_size,
            start if learned else blur,
            learned=learned,
            kernel_regularizer=LInf(l_inf) if l_inf else None,
            dtype=convolution.dtype_policy,
            name="blur",
        )

    graph = classifier_graph(model)
    filtered = follow_first_convolution(copy_to_logits(graph), filter_after)
    images = keras.Input(graph.input_shape[1:], name="image")
    logits = filtered(to_pixel_range(images, pixel_range))
    return keras.Model(images, logits, name=f"blurnet_{graph.name}")
