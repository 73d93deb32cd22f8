"""BlurNet around a classifier: a blur behind its first convolution."""

import keras

from zoo.defenses.surgery.ends import copy_to_logits
from zoo.defenses.surgery.ends import to_pixel_range
from zoo.defenses.surgery.first_convolution import follow_first_convolution
from zoo.defenses.surgery.graph import classifier_graph
from zoo.models.blurnet import blurnet_filter
from zoo.regularizers import KernelTotalVariation
from zoo.regularizers import TotalVariation


def blurnet(
    model: keras.Model,
    *,
    kernel_size: int | None = 3,
    blur: str = "learned",
    start: str = "gaussian",
    l_inf: float = 0.0,
    constraint: str | None = None,
    total_variation: float = 0.0,
    kernel_total_variation: float = 0.0,
    pixel_range: tuple[float, float] = (0.0, 1.0),
) -> keras.Model:
    """Filters the first feature maps of a classifier: BlurNet.

    A depthwise convolution filters the output of the first convolution: after
    the convolution's own activation, as in `zoo.models.blurnet`, and before
    a normalisation or activation in a layer of its own.

    Gradient: exact.
    Randomness: none.

    Args:
        model: As for `zoo.defend`. A softmax at its end is taken away.
        kernel_size: Pixels along the filters' sides, odd; `None` for a
            penalty without a filter. The outputs then stay the same until the
            model is trained with the penalty.
        blur: `"box"` or `"gaussian"`, both fixed, or `"learned"`.
        start: What learned filters start as: `"box"`, `"gaussian"`,
            `"identity"`, which leaves the model as accurate as it was, or
            the name of a Keras initializer.
        l_inf: Strength of `zoo.regularizers.LInf` on learned filters.
        constraint: What these must be, `"non_negative"` or `"softmax"`, as
            for `zoo.layers.Blur`.
        total_variation: Strength of `zoo.regularizers.TotalVariation` on the
            first feature maps, before the filter. Needs a first convolution
            without an `activity_regularizer`.
        kernel_total_variation: Strength of
            `zoo.regularizers.KernelTotalVariation` on the first convolution's
            filters. Needs filters without a regularizer.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1: `(0, 255)` or `(-1, 1)`. Other preprocessing belongs in
            the model.

    Returns:
        A model mapping pixels in [0, 1] to logits, with copies of the
        model's layers and weights.

    Raises:
        ValueError: If an argument is out of its range, or the model cannot be
            wrapped.

    Reference: BlurNet ("Defense by Filtering the Feature Maps").
    """
    if kernel_size is None and not (total_variation or kernel_total_variation):
        raise ValueError(
            "There must be a filter or a penalty on the feature maps or the "
            "first filters. Received: kernel_size=None, total_variation="
            f"{total_variation}, "
            f"kernel_total_variation={kernel_total_variation}"
        )

    def filter_after(convolution):
        if total_variation:
            _set_penalty(
                convolution,
                "activity_regularizer",
                TotalVariation(total_variation),
            )
        if kernel_total_variation:
            _penalise_filters(
                convolution, KernelTotalVariation(kernel_total_variation)
            )
        return blurnet_filter(
            kernel_size,
            blur,
            start=start,
            l_inf=l_inf,
            constraint=constraint,
            dtype=convolution.dtype_policy,
        )

    graph = classifier_graph(model)
    filtered = follow_first_convolution(copy_to_logits(graph), filter_after)
    images = keras.Input(graph.input_shape[1:], name="image")
    logits = filtered(to_pixel_range(images, pixel_range))
    return keras.Model(images, logits, name=f"blurnet_{graph.name}")


def _penalise_filters(convolution, penalty):
    """Puts a penalty on the filters of a built convolution."""
    if isinstance(convolution, keras.layers.Conv2D):
        _set_penalty(convolution, "kernel_regularizer", penalty)
    else:
        _set_penalty(convolution, "depthwise_regularizer", penalty)
    separable = isinstance(convolution, keras.layers.SeparableConv2D)
    filters = convolution.depthwise_kernel if separable else convolution.kernel
    # A layer hands its penalty to its weights only when it is built.
    filters.regularizer = penalty


def _set_penalty(convolution, attribute, penalty):
    """Sets a penalty of the first convolution, which must have none there."""
    present = getattr(convolution, attribute)
    if present is not None:
        raise ValueError(
            f"{type(penalty).__name__} becomes the first convolution's "
            f"{attribute}, which must be None. "
            f"Received: {convolution.name} with {present}"
        )
    setattr(convolution, attribute, penalty)
