"""FAB-T on a trained network, against its peers."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import check_attack
from tests.helpers import lengths
from training import attacks
from training import datasets

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


@pytest.mark.large
@norms
def test_beats_deepfool_and_ddn_on_a_preset(norm):
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load("fashion_mnist_sample", batch_size=24).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right], labels[right]
    peers = [attacks.deepfool(norm=norm)]
    if norm == "l2":
        peers.append(attacks.ddn(levels=None))
    ours = attacks.fab(norm=norm, steps=20)(model, images, labels)
    for size in (32, 5):  # Rounding differs with the size of a batch.
        predictions = model.predict(ours, batch_size=size, verbose=0)
        assert (predictions.argmax(1) != labels).all()
    median = np.median(lengths(ours - images, norm))
    for peer in peers:
        theirs = peer(model, images, labels)
        assert median <= np.median(lengths(theirs - images, norm))


def torch_module(model):
    """Wraps a Keras model on TensorFlow as a PyTorch module, NCHW."""
    torch = pytest.importorskip("torch")

    @tf.function
    def forward(images):
        return model(images, training=False)

    @tf.function
    def backward(images, upstream):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = forward(images)
        return tape.gradient(outputs, images, output_gradients=upstream)

    class Bridge(torch.autograd.Function):
        @staticmethod
        def forward(context, images):
            context.images = tf.constant(
                images.detach().permute(0, 2, 3, 1).numpy()
            )
            return torch.tensor(forward(context.images).numpy())

        @staticmethod
        def backward(context, upstream):
            gradient = backward(context.images, tf.constant(upstream.numpy()))
            return torch.tensor(gradient.numpy()).permute(0, 3, 1, 2)

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            return Bridge.apply(images)

    return Module()


@pytest.mark.large
@norms
def test_norms_are_torchattacks_or_better(norm):
    """Towards one target: the peer tries no other once it has fooled."""
    torch = pytest.importorskip("torch")
    torchattacks = pytest.importorskip("torchattacks")
    model = zoo.load("wrn16_2")
    images, labels = next(
        datasets.load("fashion_mnist_sample", batch_size=16).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    images, labels = images[right], labels[right]
    attack = attacks.fab(norm=norm, steps=50, classes=2)
    ours = check_attack(attack, model, images, labels)
    assert (model.predict(ours, verbose=0).argmax(1) != labels).all()
    peer = torchattacks.FAB(
        torch_module(model),
        norm={"linf": "Linf", "l2": "L2"}[norm],
        eps={"linf": 1.0, "l2": 30.0}[norm],
        steps=50,
        multi_targeted=True,
        n_classes=2,
    )
    theirs = peer(
        torch.tensor(images).permute(0, 3, 1, 2),
        torch.tensor(labels, dtype=torch.int64),
    )
    theirs = theirs.permute(0, 2, 3, 1).numpy()
    assert (model.predict(theirs, verbose=0).argmax(1) != labels).all()
    ours, theirs = (
        lengths(results - images, norm) for results in (ours, theirs)
    )
    assert np.median(ours) <= 1.02 * np.median(theirs)
    assert np.median(ours / theirs) <= 1.02
