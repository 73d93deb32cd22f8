"""Adversarial weight perturbation."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf
from keras import ops

_TINY = 1e-20


@contextlib.contextmanager
def perturbed_weights(
    trainer: keras.Model, data: tuple, gamma: float
) -> Iterator[None]:
    """Moves the weights to where the loss is higher, and back again.

    Each kernel `w` moves by `gamma ||w|| g / ||g||`, with `g` the gradient of
    the loss: one step of equation 9. Biases and batch norms stay. What is
    assigned to the weights within the context is kept, less that move. An
    average that the optimiser takes of them (`use_ema`) sees the moved
    weights, whose moves differ from batch to batch.

    Inside a graph the moves are part of it, in order.

    Args:
        trainer: Compiled; its `compute_loss` is the loss.
        data: Inputs, labels and sample weights of a batch, as `train_step`
            gives them to `compute_loss`.
        gamma: Size of the move relative to the kernel's norm.

    Raises:
        ValueError: Under a strategy of several replicas, which would move
            their copies apart.

    Reference: [Wu et al., 2020](https://arxiv.org/abs/2004.05884);
        `csdongxian/AWP`.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            "weight_perturbation takes one replica. "
            f"Received: a strategy of {replicas}"
        )
    kernels = [v for v in trainer.trainable_variables if len(v.shape) > 1]
    x, y, weights = data
    with tf.GradientTape() as tape:
        logits = trainer(x, training=True)
        loss = trainer.compute_loss(x, y, logits, weights, training=True)
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    moves = [
        _move(kernel.value, gradient, gamma)
        for kernel, gradient in zip(kernels, gradients, strict=True)
    ]
    for kernel, move in zip(kernels, moves, strict=True):
        kernel.assign_add(move)
    try:
        yield
    finally:
        for kernel, move in zip(kernels, moves, strict=True):
            kernel.assign_sub(move)


def _move(kernel, gradient, gamma: float):
    if gradient is None:
        return ops.zeros_like(kernel)
    gradient = ops.cast(gradient, kernel.dtype)
    length = ops.maximum(ops.norm(ops.reshape(gradient, (-1,))), _TINY)
    return gamma * ops.norm(ops.reshape(kernel, (-1,))) / length * gradient
