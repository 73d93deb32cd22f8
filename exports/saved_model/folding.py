"""Folds batch norms into the convolutions before them, while a model is traced.

In inference a batch norm is one multiplication and one addition a channel.
Behind a convolution both disappear into its kernel and its bias, in exact
arithmetic without any difference.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from zoo.inspection import all_layers
from zoo.inspection import is_graph
from zoo.layers import BatchNormalization

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
_BATCH_NORMS = (keras.layers.BatchNormalization, BatchNormalization)
_TRACING = threading.Lock()


class _Pair(NamedTuple):
    convolution: keras.layers.Layer
    batch_norm: keras.layers.Layer


def foldable(model: keras.Model) -> list[_Pair]:
    """Returns the convolutions whose output goes to one batch norm alone.

    Neither layer may be a subclass, whose `call` might do more, nor may the
    convolution have an activation. Layers of a model's graph are found at any
    depth; those that a subclassed model calls are not.
    """
    layers = all_layers(model)
    graphs = [layer for layer in layers if is_graph(layer)]
    shown = {id(t._keras_history[0]) for g in graphs for t in g.outputs}
    pairs = []
    for layer in layers:
        if type(layer) not in _CONVOLUTIONS or id(layer) in shown:
            continue
        readers = _unique(node.operation for node in layer._outbound_nodes)
        if len(readers) != 1 or type(readers[0]) not in _BATCH_NORMS:
            continue
        (norm,) = readers
        sources = _unique(
            parent.operation
            for node in norm._inbound_nodes
            for parent in node.parent_nodes
        )
        if sources == [layer] and _fits(layer, norm):
            pairs.append(_Pair(layer, norm))
    return pairs


@contextlib.contextmanager
def folded(
    model: keras.Model, fold: bool | None = None
) -> Iterator[list[tuple[tf.Variable, tf.Variable]]]:
    """Folds batch norms in what this thread traces of a model.

    The model's own weights stay as they are, and other threads call it as it
    is.

    Args:
        model: In inference; a model in training normalises by its batch.
        fold: Whether to do so. `None` folds where the convolution calculates
            in float32: a batch norm in half precision works in float32 inside,
            and its share of a kernel is lost when the kernel is rounded.

    Yields:
        New variables, float32: the kernel and the bias of each convolution
        that a batch norm is folded into. Traced functions refer to them
        weakly, so keep them.
    """
    pairs = [] if fold is False else foldable(model)
    if fold is None:
        pairs = [pair for pair in pairs if _exact(pair.convolution)]
    variables = [tuple(map(tf.Variable, _fold(*pair))) for pair in pairs]
    with _TRACING, contextlib.ExitStack() as replaced:
        for pair, values in zip(pairs, variables, strict=True):
            convolve = _convolution(pair.convolution, *values)
            replaced.enter_context(_calling(pair.convolution, convolve))
            replaced.enter_context(_calling(pair.batch_norm, _pass))
        yield variables


def _exact(layer: keras.layers.Layer) -> bool:
    return layer.compute_dtype in ("float32", "float64")


def _unique(operations):
    return list({id(operation): operation for operation in operations}.values())


def _fits(convolution, norm) -> bool:
    channels = -1 if convolution.data_format == "channels_last" else 1
    return (
        convolution.built
        and norm.built
        and convolution.activation is keras.activations.linear
        and getattr(convolution, "quantization_mode", None) is None
        and norm.axis in (channels, channels % 4)
        and convolution.compute_dtype == norm.compute_dtype
    )


def _fold(convolution, norm) -> tuple[np.ndarray, np.ndarray]:
    """Returns a convolution's kernel and bias with the batch norm in them."""

    def values(variable):
        array = keras.ops.convert_to_numpy(variable)
        return array.astype("float64")

    scale = 1 / np.sqrt(values(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale *= values(norm.gamma)
    bias = -values(norm.moving_mean)
    if convolution.use_bias:
        bias += values(convolution.bias)
    bias *= scale
    if norm.center:
        bias += values(norm.beta)
    kernel = values(convolution.kernel)
    if isinstance(convolution, keras.layers.DepthwiseConv2D):
        kernel = kernel * scale.reshape(kernel.shape[-2:])
    else:
        kernel = kernel * scale
    return kernel.astype("float32"), bias.astype("float32")


def _convolution(layer, kernel, bias):
    first = layer.data_format == "channels_first"

    def call(inputs):
        weights = tf.cast(kernel, inputs.dtype)
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            outputs = keras.ops.depthwise_conv(
                inputs,
                weights,
                strides=layer.strides,
                padding=layer.padding,
                data_format=layer.data_format,
                dilation_rate=layer.dilation_rate,
            )
        else:
            outputs = layer.convolution_op(inputs, weights)
        # This op, unlike an addition, is fused with the convolution.
        return tf.nn.bias_add(
            outputs,
            tf.cast(bias, outputs.dtype),
            data_format="NCHW" if first else "NHWC",
        )

    return call


def _pass(inputs, training=None, mask=None):
    return inputs


@contextlib.contextmanager
def _calling(layer, call):
    """Replaces how this thread calls a layer."""
    thread, original = threading.get_ident(), layer.call

    def replaced(*args, **kwargs):
        if threading.get_ident() != thread:
            return original(*args, **kwargs)
        return call(*args, **kwargs)

    # Past Keras, which tracks what is set on a layer.
    vars(layer)["call"] = replaced
    try:
        yield
    finally:
        del vars(layer)["call"]
