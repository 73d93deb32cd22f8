"""Information Redundancy Minimization."""

import keras

from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.models.wide_resnet import wide_resnet


def irm(
    *,
    depth: int = 28,
    width: int = 10,
    num_classes: int = 110,
    image_shape: tuple[int | None, int | None, int] = (299, 299, 3),
    scales: tuple[int, ...] = (32, 64, 128),
    scale_weights: tuple[float, ...] = (1.0, 0.01, 0.001),
    qualities: tuple[int, ...] | None = (40, 60, 80, 90),
    pooling_bins: tuple[int, ...] = (1, 2, 4),
    dropout: float = 0.3,
    activation: str = "relu",
    seed: int | None = None,
    name: str = "irm",
) -> keras.Model:
    """Builds an IRM classifier: random JPEG, then one network at many scales.

    Random-patch JPEG compression comes first (section II.A). A Wide ResNet
    with spatial pyramid pooling then sees the images at every scale, and its
    confidences are added up (section II.B, equation 1). The defaults are the
    paper's.

    Args:
        depth: Convolutional layers of the Wide ResNet; must be `6n + 4`.
        width: Its multiplier on the base widths 16, 32 and 64.
        num_classes: Logits.
        image_shape: `(height, width, channels)` of the images; `None` for a
            size left open.
        scales: Side lengths in pixels that the images are resized to.
        scale_weights: Lambda of equation 1, one positive number a scale.
        qualities: JPEG qualities each of the four parts draws from; `None`
            leaves the compression out.
        pooling_bins: Levels of the spatial pyramid.
        dropout: Rate inside the residual blocks, in [0, 1).
        activation: `"relu"` or `"silu"`, of the Wide ResNet.
        seed: Seed of the compression's randomness, as in
            `zoo.layers.RandomPatchJPEG`.
        name: The model's name.

    Returns:
        A `keras.Model` from `(batch, *image_shape)` float pixels in [0, 1]
        to `(batch, num_classes)` float32 logits.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: IRM ("Information Redundancy Minimization"), sections II and
        III, table 3.
    """
    classifier = wide_resnet(
        depth=depth,
        width=width,
        num_classes=num_classes,
        image_shape=(None, None, image_shape[-1]),
        dropout=dropout,
        pooling_bins=pooling_bins,
        activation=activation,
    )
    images = keras.Input(image_shape, name="image")
    pixels = images
    if qualities is not None:
        pixels = RandomPatchJPEG(qualities, seed=seed, name="compression")(
            images
        )
    logits = MultiScaleEnsemble(
        classifier, scales, scale_weights, name="ensemble"
    )(pixels)
    return keras.Model(images, logits, name=name)
