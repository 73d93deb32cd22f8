"""IRM around a classifier that was trained without it."""

import itertools

import keras

from zoo.defenses.surgery.ends import to_pixel_range
from zoo.defenses.surgery.features import Features
from zoo.defenses.surgery.graph import classifier_graph
from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.layers.spatial_pyramid_pooling import SpatialPyramidPooling

_BINS = (1, 2, 4)
_SEVENTHS = (5, 6, 7)
_LARGEST_SCALE = 2048
"""Where the search for a scale that the features take ends."""


def irm(
    model: keras.Model,
    *,
    scales: tuple[int, ...] | None = None,
    scale_weights: tuple[float, ...] = (0.1, 0.3, 1.0),
    qualities: tuple[int, ...] = (40, 60, 80, 90),
    pooling_bins: tuple[int, ...] | None = None,
    num_classes: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    pixel_range: tuple[float, float] = (0.0, 1.0),
    seed: int | None = None,
) -> keras.Model:
    """Rebuilds a classifier as IRM, keeping its features.

    Random-patch JPEG compression comes first. Of the model, everything up to
    its last feature map stays, normalisation included. A spatial pyramid and
    a new, untrained layer `logits` replace its last pooling and dense layers.
    This classifier sees each image at several scales, and its confidences are
    added up (section II.B).

    Gradient: straight-through in the compression, else exact.
    Randomness: that of `zoo.layers.RandomPatchJPEG`.

    Args:
        model: As for `zoo.defend`. A model without a head
            (`include_top=False`) needs `num_classes`.
        scales: Side lengths in pixels that the images are resized to. `None`:
            5, 6 and 7 sevenths of the shorter side, so 160, 192 and 224 for
            224, because features keep their accuracy near the size they were
            trained at. Scales too small for the features are left out, with
            their weights: `DenseNet121` at 32 pixels keeps 32 alone. The
            paper's 32, 64 and 128 suit a network that is trained at them.
        scale_weights: Lambda of equation 1, one positive number a scale. The
            default gives most to the model's own size, as `irm_wrn16_2` does.
        qualities: JPEG qualities each of the four parts draws from.
        pooling_bins: Levels of the spatial pyramid. `None`: of the paper's
            1, 2 and 4, those for which the map at the smallest scale has
            room.
        num_classes: Number of logits; `None` for the model's own.
        image_shape: `(height, width, channels)` of the images; `None` for
            the model's own, if it is fixed.
        pixel_range: What the model takes for black and white, if that is not
            0 and 1: `(0, 255)` or `(-1, 1)`. Other preprocessing belongs in
            the model.
        seed: Seed of the compression's randomness, as in `RandomPatchJPEG`.

    Returns:
        A model mapping pixels in [0, 1] to float32 logits, with copies of
        the model's layers and weights.

    Raises:
        ValueError: If an argument is out of its range, or the model cannot be
            wrapped.

    Reference: IRM ("Information Redundancy Minimization"), section II.
    """
    graph = classifier_graph(model)
    image_shape = _image_shape(graph, image_shape)
    features = Features.from_graph(graph)
    num_classes = _num_classes(graph, features, num_classes)
    side = min(image_shape[:2])
    if scales is None:
        scales, scale_weights = _default_scales(
            features.extractor, side, tuple(scale_weights)
        )
    room = _smallest_map(features.extractor, scales, side)
    if pooling_bins is None:
        pooling_bins = tuple(b for b in _BINS if b <= room)
    elif max(pooling_bins, default=0) > room:
        raise ValueError(
            "The feature map at the smallest scale must have room for the "
            "bins: choose larger scales or fewer bins. Received: scales="
            f"{tuple(scales)}, whose smallest map has {room} pixels a side, "
            f"and pooling_bins={tuple(pooling_bins)}"
        )
    pixels = keras.Input((None, None, image_shape[-1]), name="image")
    maps = features.extractor(to_pixel_range(pixels, pixel_range))
    pooled = SpatialPyramidPooling(pooling_bins, name="pooling")(maps)
    logits = keras.layers.Dense(num_classes, dtype="float32", name="logits")
    classifier = keras.Model(pixels, logits(pooled), name=graph.name)
    images = keras.Input(image_shape, name="image")
    compressed = RandomPatchJPEG(qualities, seed=seed, name="compression")(
        images
    )
    ensemble = MultiScaleEnsemble(
        classifier, scales, scale_weights, name="ensemble"
    )
    return keras.Model(images, ensemble(compressed), name=f"irm_{graph.name}")


def _image_shape(graph, image_shape) -> tuple[int, int, int]:
    own = graph.input_shape[1:]
    if image_shape is None:
        if None in own:
            raise ValueError(
                f"{graph.name} takes images of any size; choose one by "
                f"`image_shape`. Received: image_shape=None"
            )
        return own
    shape = tuple(image_shape)
    if len(shape) != 3 or shape[-1] != own[-1] or min(shape[:2]) < 1:
        raise ValueError(
            "`image_shape` must be (height, width, channels) with the "
            f"{own[-1]} channels of {graph.name}. "
            f"Received: image_shape={image_shape}"
        )
    return shape


def _num_classes(graph, features: Features, num_classes: int | None) -> int:
    if num_classes is None:
        num_classes = features.num_classes
        if num_classes is None:
            raise ValueError(
                "The last layer must be a classifier; where there is none, "
                f"give `num_classes`. Received: {graph.name} with output "
                f"shape {graph.output_shape}"
            )
    if num_classes < 2:
        raise ValueError(
            "A classifier must have two classes or more, one logit each. "
            f"Received: num_classes={num_classes} for {graph.name}"
        )
    return num_classes


def _default_scales(
    extractor: keras.Model, side: int, scale_weights: tuple[float, ...]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Returns the default scales that the features take, and their weights."""
    scales = tuple(round(side * part / 7) for part in _SEVENTHS)
    fits = [_map_side(extractor, scale)[0] > 0 for scale in scales]
    if not any(fits):
        return scales, scale_weights
    if len(scale_weights) == len(scales):
        scale_weights = tuple(itertools.compress(scale_weights, fits))
    return tuple(itertools.compress(scales, fits)), scale_weights


def _smallest_map(
    extractor: keras.Model, scales: tuple[int, ...], side: int
) -> int:
    """Returns the shortest side of all scales' feature maps, in pixels."""
    if not scales or any(int(scale) != scale or scale < 1 for scale in scales):
        raise ValueError(
            "`scales` must be side lengths, whole numbers above 0. "
            f"Received: scales={scales}"
        )
    sides = {scale: _map_side(extractor, scale) for scale in scales}
    fitting = [scale for scale in scales if sides[scale][0] > 0]
    if len(fitting) == len(scales):
        return min(room for room, _ in sides.values())
    failing = next(scale for scale in scales if scale not in fitting)
    least = _least_scale(extractor, side)
    hint = ""
    if least is not None:
        near = tuple(fitting) or (max(least, side),)
        weights = (1.0,) * len(near)
        hint = (
            f", of {least} pixels or more: `scales={near}, "
            f"scale_weights={weights}` would do"
        )
    raise ValueError(
        f"The features must take images of every scale{hint}. "
        f"Received: scales={tuple(scales)}, of which {failing} fails: "
        f"{sides[failing][1]}"
    )


def _least_scale(extractor: keras.Model, side: int) -> int | None:
    """Returns the smallest scale that the features take, if one was found."""
    low, high = 0, side
    while _map_side(extractor, high)[0] < 1:
        if high > _LARGEST_SCALE:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _map_side(extractor, middle)[0] < 1:
            low = middle
        else:
            high = middle
    return high


def _map_side(extractor: keras.Model, scale: int) -> tuple[int, str]:
    """Returns a scale's shorter map side, 0 if it fails, and the reason."""
    shape = (None, scale, scale, extractor.input_shape[-1])
    try:
        return min(extractor.compute_output_shape(shape)[1:3]), "an empty map"
    except (RuntimeError, ValueError) as error:
        return 0, str(error).splitlines()[0]
