"""Wider and deeper networks that start from a trained one."""

import math
import operator
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
from keras import layers
from keras import ops

from zoo.inspection import all_layers
from zoo.layers.spatial_pyramid_pooling import SpatialPyramidPooling

_NEXT_NORM = {
    "conv2": "conv3_0_1_norm",
    "conv3": "conv4_0_1_norm",
    "conv4": "final_norm",
}
"""The batch norm that reads what a group of blocks gives."""


def grow(
    source: keras.Model,
    target: keras.Model,
    *,
    seed: int = 0,
    new_head: bool = False,
) -> None:
    """Fills a larger Wide ResNet so that it computes what a smaller one does.

    Every channel becomes several copies. Whatever reads them splits its old
    weight among them at random, in positive shares that sum to one: the
    logits stay, and training drives the copies apart. A block that the source
    lacks comes after those it has in its group, and adds zero: its second
    convolution is all zero, its first is random (He et al., uniform), and its
    first batch norm takes the moving statistics of the next one that reads the
    same maps. Logits are equal up to rounding, in training too if nothing is
    dropped out.

    Both networks may stand behind JPEG or in a `MultiScaleEnsemble`. What has
    no weights (compression, scales, dropout) stays as the target has it. One
    seed gives the same weights on every machine and under every backend.

    Args:
        source: Model of `wide_resnet`, `irm` or `jpeg_wide_resnet`; it is left
            as it is.
        target: Another of the same builder, image channels and pyramid, at
            least as deep and a whole multiple as wide; a `source` of width 1
            can only become deeper. All weights are replaced.
        seed: Seed of the shares and of the new convolutions, 0 or more.
        new_head: Whether the target keeps its own classifying layer, whose
            classes may be others.

    Raises:
        ValueError: If a model is no Wide ResNet, or the target cannot compute
            what the source does. The target is then as it was.

    Example:

    >>> small = wide_resnet(depth=10, width=2)
    >>> large = wide_resnet(depth=16, width=4)
    >>> grow(small, large)

    Reference: Net2Net, [Chen et al., 2016](https://arxiv.org/abs/1511.05641),
        sections 2.2 and 2.3.
    """
    if int(seed) != seed or seed < 0:
        raise ValueError(
            f"seed must be a whole number, 0 or more. Received: seed={seed}"
        )
    old, new = _find(source, "source"), _find(target, "target")
    _check_growth(old, new, new_head)
    random = _Random(seed)
    for name, shapes in new.shapes.items():
        if name == "logits" and new_head:
            continue
        if name not in old.layers:
            values = _added(name, shapes, old, random)
        elif name == "logits":
            kernel, bias = old.values(name)
            values = [_widen_head(kernel, shapes[0], old.cells, random), bias]
        elif name.endswith("_norm"):
            values = _tile(old.values(name), shapes)
        else:
            values = [_widen(*old.values(name), shapes[0], random)]
        new.layers[name].set_weights(values)


@dataclass(frozen=True)
class _WideResNet:
    """The Wide ResNet in a model.

    Args:
        inside: Class of the layer that holds it, `None` if it is the model.
        layers: Its layers with weights, by name.
    """

    inside: str | None
    depth: int
    width: int
    image_channels: int
    num_classes: int
    activation: str
    pooling: str
    bins: tuple[int, ...]
    layers: dict[str, keras.layers.Layer]

    @property
    def cells(self) -> int:
        return sum(b * b for b in self.bins)

    @cached_property
    def shapes(self) -> dict[str, list[tuple[int, ...]]]:
        """Shapes of each layer's weights, from the image to the logits."""
        shapes = {"conv1": [(3, 3, self.image_channels, 16)]}
        channels = 16
        for group, base in enumerate((16, 32, 64), start=2):
            filters = base * self.width
            for block in range((self.depth - 4) // 6):
                name = f"conv{group}_{block}"
                shapes[f"{name}_1_norm"] = [(channels,)] * 4
                shapes[f"{name}_conv1"] = [(3, 3, channels, filters)]
                shapes[f"{name}_2_norm"] = [(filters,)] * 4
                shapes[f"{name}_conv2"] = [(3, 3, filters, filters)]
                if channels != filters:
                    shapes[f"{name}_projection"] = [(1, 1, channels, filters)]
                channels = filters
        shapes["final_norm"] = [(channels,)] * 4
        rows, classes = self.cells * channels, self.num_classes
        shapes["logits"] = [(rows, classes), (classes,)]
        return shapes

    def values(self, name: str) -> list[np.ndarray]:
        """Returns a layer's weights in float32."""
        return [
            np.asarray(ops.convert_to_numpy(weight), "float32")
            for weight in self.layers[name].weights
        ]


def _find(model: keras.Model, role: str) -> _WideResNet:
    """Returns the network that holds all weights of a model."""
    parts = all_layers(model) if isinstance(model, keras.Model) else ()
    for part in parts:
        network = _read(part, model) if isinstance(part, keras.Model) else None
        if network and len(part.weights) == len(model.weights):
            return network
    raise ValueError(
        f"`{role}` must be a Wide ResNet of this package, alone, behind JPEG "
        "or in a multi-scale ensemble, without other weights. Received: "
        f"{role}={getattr(model, 'name', model)!r} of {type(model).__name__}"
    )


def _read(part: keras.Model, model: keras.Model) -> _WideResNet | None:
    """Returns the measures of `part`, `None` if it is no Wide ResNet."""
    learned = {layer.name: layer for layer in part.layers if layer.weights}
    shapes = {
        name: [tuple(weight.shape) for weight in layer.weights]
        for name, layer in learned.items()
    }
    if not {"conv1", "conv2_0_conv1", "logits"} <= set(shapes):
        return None
    pooling = next((x for x in part.layers if x.name == "pooling"), None)
    if isinstance(pooling, SpatialPyramidPooling):
        pooled, bins = pooling.pooling, pooling.bins
    elif isinstance(pooling, layers.GlobalAveragePooling2D):
        pooled, bins = "average", (1,)
    else:
        return None
    last = pooling.input._keras_history.operation
    holder = next(layer for layer in model.layers if layer.weights)
    blocks = [n for n in shapes if n.startswith("conv2_") and "_conv2" in n]
    network = _WideResNet(
        inside=None if part is model else type(holder).__name__,
        depth=6 * len(blocks) + 4,
        width=shapes["conv2_0_conv1"][0][-1] // 16,
        image_channels=shapes["conv1"][0][-2],
        num_classes=shapes["logits"][0][-1],
        activation=last.name.removeprefix("final_"),
        pooling=pooled,
        bins=bins,
        layers=learned,
    )
    return network if network.shapes == shapes else None


def _check_growth(old: _WideResNet, new: _WideResNet, new_head: bool) -> None:
    """Refuses a target that cannot compute what the source does."""
    rules = (
        ("inside", operator.eq, "be a model of the source's kind"),
        ("image_channels", operator.eq, "take the source's image channels"),
        ("activation", operator.eq, "have the source's activation"),
        ("pooling", operator.eq, "pool as the source does"),
        ("bins", operator.eq, "have the source's pyramid"),
        (
            "num_classes",
            lambda ours, theirs: new_head or ours == theirs,
            "have the source's classes, or a new head",
        ),
        ("depth", operator.le, "be at least as deep as the source"),
        (
            "width",
            lambda ours, theirs: theirs % ours == 0,
            "be a whole multiple as wide as the source",
        ),
        # A first block of width 1 adds its input itself. One of another width
        # adds a projection of relu(norm(input)), which lacks a half of it.
        (
            "width",
            lambda ours, theirs: ours > 1 or theirs == 1,
            "keep a source's width of 1, whose first block has no projection",
        ),
    )
    for field, holds, rule in rules:
        ours, theirs = getattr(old, field), getattr(new, field)
        if not holds(ours, theirs):
            raise ValueError(
                f"The target must {rule}. Received: "
                f"source of {field}={ours}, target of {field}={theirs}"
            )


def _tile(values, shapes) -> list[np.ndarray]:
    """Repeats vectors: the copies of a channel are the old length apart."""
    return [
        np.tile(value, shape[0] // len(value))
        for value, shape in zip(values, shapes, strict=True)
    ]


def _widen(kernel, shape, random: "_Random") -> np.ndarray:
    """Repeats the outputs, and splits what reads an input among its copies.

    Args:
        kernel: `(..., inputs, outputs)`.
        shape: The new shape, whole multiples of the old one.
        random: Source of the shares.
    """
    inputs, outputs = kernel.shape[-2:]
    copies = shape[-2] // inputs
    wide = np.tile(kernel, (copies, shape[-1] // outputs))
    if copies > 1:
        shares = random.uniform((copies, inputs, shape[-1])) + np.float32(0.5)
        shares /= sum(shares)  # In turn; the order of `np.sum` is its own.
        wide *= shares.reshape(shape[-2:])
    return wide


def _widen_head(kernel, shape, cells: int, random: "_Random") -> np.ndarray:
    """Widens the classifying layer, whose rows are cells of channels."""
    rows, classes = kernel.shape
    kernel = kernel.reshape(cells, rows // cells, classes)
    wide = _widen(kernel, (cells, shape[0] // cells, classes), random)
    return wide.reshape(shape)


def _added(
    name: str, shapes, old: _WideResNet, random: "_Random"
) -> list[np.ndarray]:
    """Returns the weights of a layer in a block that adds zero."""
    group, _, part = name.split("_", 2)
    shape = shapes[0]
    if part == "conv1":
        limit = math.sqrt(6 / math.prod(shape[:-1]))
        return [(random.uniform(shape) * 2 - 1) * np.float32(limit)]
    zeros = np.zeros(shape, "float32")
    if part == "conv2":
        return [zeros]
    ones = np.ones(shape, "float32")
    if part == "2_norm":
        return [ones, zeros, zeros, ones]
    _, _, mean, variance = _tile(old.values(_NEXT_NORM[group]), shapes)
    return [ones, zeros, mean, variance]


class _Random:
    """Random numbers that are the same everywhere.

    NumPy promises that of a bit generator's integers, not of what its
    `Generator` makes of them, and logarithms (of normal numbers, say) depend on
    the processor.
    """

    def __init__(self, seed: int):
        self._bits = np.random.PCG64(int(seed))

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        """Returns float32 in [0, 1), multiples of `2**-24`."""
        count = math.prod(shape)
        words = self._bits.random_raw(-(-count // 2)).astype("<u8", copy=False)
        numbers = (words.view("<u4")[:count] >> 8).astype("float32")
        return numbers.reshape(shape) * np.float32(2**-24)
