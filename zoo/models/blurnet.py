"""BlurNet: LISA-CNN with its feature maps, or its input, filtered."""

import keras

from zoo.layers.blur import Blur
from zoo.models.lisa_cnn import lisa_cnn
from zoo.regularizers import KernelTotalVariation
from zoo.regularizers import LInf
from zoo.regularizers import TotalVariation

_PLACES = ("features", "input")
_BLURS = ("box", "gaussian", "learned")


def blurnet(
    kernel_size: int | None = 3,
    blur: str = "learned",
    *,
    place: str = "features",
    start: str = "glorot_uniform",
    l_inf: float = 0.0,
    constraint: str | None = None,
    total_variation: float = 0.0,
    kernel_total_variation: float = 0.0,
    num_classes: int = 18,
    image_shape: tuple[int, int, int] = (32, 32, 3),
    name: str = "blurnet",
) -> keras.Model:
    """Builds a BlurNet: LISA-CNN with its first feature maps filtered.

    A depthwise convolution follows the first convolution and its ReLU. (The
    paper doesn't say whether it comes before or after the ReLU.) Table 1 of
    the paper uses a fixed blur of 3×3 or 5×5, there or on the input. Table 2
    learns filters of 3×3, 5×5 or 7×7 under the penalty `l_inf`, or uses no
    filter but the penalty `total_variation`.

    Args:
        kernel_size: Pixels along the filters' sides, odd; `None` for no
            filter.
        blur: `"box"` or `"gaussian"`, both fixed, or `"learned"`.
        place: What is filtered: `"features"` or, for comparison, the
            `"input"`. Feature maps are padded with zeros, the input with its
            mirror image.
        start: Where learned filters start: `"box"`, `"gaussian"`,
            `"identity"` or the name of a Keras initializer.
        l_inf: Strength of `zoo.regularizers.LInf` on the learned filters.
        constraint: What these must be, `"non_negative"` or `"softmax"`, as
            for `zoo.layers.Blur`; the paper has none.
        total_variation: Strength of `zoo.regularizers.TotalVariation` on the
            first convolution's feature maps, before the filter.
        kernel_total_variation: Strength of
            `zoo.regularizers.KernelTotalVariation` on the first
            convolution's weights.
        num_classes: Logits.
        image_shape: `(height, width, channels)`; 27 pixels or more a side,
            no size left open.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: BlurNet ("Defense by Filtering the Feature Maps"), tables 1
        and 2.
    """
    if place not in _PLACES:
        raise ValueError(
            f"place must be one of {', '.join(map(repr, _PLACES))}. "
            f"Received: place={place!r}"
        )
    filters = {
        place: blurnet_filter(
            kernel_size,
            blur,
            start=start,
            l_inf=l_inf,
            constraint=constraint,
            padding="reflect" if place == "input" else "zeros",
        )
    }
    return lisa_cnn(
        num_classes=num_classes,
        image_shape=image_shape,
        input_filter=filters.get("input"),
        feature_filter=filters.get("features"),
        feature_regularizer=(
            TotalVariation(total_variation) if total_variation else None
        ),
        kernel_regularizer=(
            KernelTotalVariation(kernel_total_variation)
            if kernel_total_variation
            else None
        ),
        name=name,
    )


def blurnet_filter(
    kernel_size: int | None,
    blur: str,
    *,
    start: str,
    l_inf: float = 0.0,
    constraint: str | None = None,
    padding: str = "zeros",
    dtype: str | keras.DTypePolicy | None = None,
) -> Blur | None:
    """Builds the layer `blur`, as in tables 1 and 2 of the paper.

    Args:
        kernel_size: Pixels along the filters' sides, odd; `None` for no
            filter.
        blur: `"box"` or `"gaussian"`, both fixed, or `"learned"`.
        start: Where learned filters start, as for `zoo.layers.Blur`.
        l_inf: Strength of `zoo.regularizers.LInf` on learned filters.
        constraint: As for `zoo.layers.Blur`.
        padding: As for `zoo.layers.Blur`.
        dtype: The layer's dtype policy; `None` for Keras' own.

    Returns:
        The layer; `None` if there is no filter.

    Raises:
        ValueError: If an argument is out of its range, or `l_inf` or
            `constraint` is given without learned filters.

    Reference: BlurNet ("Defense by Filtering the Feature Maps"), tables 1
        and 2.
    """
    if blur not in _BLURS:
        raise ValueError(
            f"blur must be one of {', '.join(map(repr, _BLURS))}. "
            f"Received: blur={blur!r}"
        )
    learned = blur == "learned"
    if l_inf and not (learned and kernel_size is not None):
        raise ValueError(
            "l_inf is a penalty on learned filters. Received: "
            f"l_inf={l_inf}, blur={blur!r}, kernel_size={kernel_size}"
        )
    if kernel_size is None and constraint is not None:
        raise ValueError(
            "constraint is on learned filters. Received: "
            f"constraint={constraint!r}, kernel_size=None"
        )
    if kernel_size is None:
        return None
    return Blur(
        kernel_size,
        start if learned else blur,
        learned=learned,
        padding=padding,
        kernel_regularizer=LInf(l_inf) if l_inf else None,
        constraint=constraint,
        dtype=dtype,
        name="blur",
    )
