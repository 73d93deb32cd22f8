"""BlurNet's filter, for its builder and its defense."""

import keras

from zoo.layers.blur import Blur
from zoo.regularizers.l_inf import LInf

_BLURS = ("box", "gaussian", "learned")


def blurnet_filter(
    kernel_size: int | None,
    blur: str,
    *,
    start: str,
    l_inf: float = 0.0,
    padding: str = "zeros",
    dtype: str | keras.DTypePolicy | None = None,
) -> Blur | None:
    """Builds the layer `blur` that tables 1 and 2 put into a network.

    Args:
        kernel_size: Pixels along the filters' sides, odd; `None` for no
            filter.
        blur: `"box"` or `"gaussian"`, both fixed, or `"learned"`.
        start: Where learned filters start, as for `zoo.layers.Blur`.
        l_inf: Strength of `zoo.regularizers.LInf` on learned filters.
        padding: As for `zoo.layers.Blur`.
        dtype: The layer's dtype policy; `None` for Keras' own.

    Returns:
        The layer; `None` if there is no filter.

    Raises:
        ValueError: If an argument is out of its range, or there are no
            learned filters for the penalty.

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
    if kernel_size is None:
        return None
    return Blur(
        kernel_size,
        start if learned else blur,
        learned=learned,
        padding=padding,
        kernel_regularizer=LInf(l_inf) if l_inf else None,
        dtype=dtype,
        name="blur",
    )
