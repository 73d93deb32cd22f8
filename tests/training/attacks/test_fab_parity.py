"""FAB-T on a trained network, against its peers."""

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests.helpers import check_attack
from tests.helpers import lengths
from zoo.training import attacks
from zoo.training import datasets

norms = pytest.mark.parametrize("norm", ["linf", "l2"])


def rightly_classified(model, count):
    images, labels = next(
        datasets.load(
            "fashion_mnist_sample", batch_size=count
        ).as_numpy_iterator()
    )
    right = model.predict(images, verbose=0).argmax(1) == labels
    return images[right], labels[right]


def check_fools(model, adversarial, labels):
    for size in (32, 5):  # Rounding differs with the size of a batch.
        predictions = model.predict(adversarial, batch_size=size, verbose=0)
        assert (predictions.argmax(1) != labels).all()


@pytest.mark.large
@norms
def test_beats_deepfool_on_a_preset(norm):
    model = zoo.load("wrn16_2")
    images, labels = rightly_classified(model, 24)
    ours = attacks.fab(norm=norm, steps=20)(model, images, labels)
    check_fools(model, ours, labels)
    theirs = attacks.deepfool(norm=norm)(model, images, labels)
    ours, theirs = (lengths(x - images, norm) for x in (ours, theirs))
    assert np.median(ours) <= np.median(theirs)


@pytest.mark.large
def test_finds_what_ddn_does_in_as_many_steps():
    """A hundred towards each class; with twenty some images take more."""
    model = zoo.load("wrn16_2")
    images, labels = rightly_classified(model, 24)
    ours = attacks.fab(norm="l2", steps=100)(model, images, labels)
    check_fools(model, ours, labels)
    theirs = attacks.ddn(steps=100, levels=None)(model, images, labels)
    ours, theirs = (lengths(x - images, "l2") for x in (ours, theirs))
    assert np.median(ours / theirs) <= 1
    assert np.mean(ours / theirs) <= 1


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
    """Of all nine targets, which the peer is given one by one.

    By itself it tries no other once it has fooled.
    """
    torch = pytest.importorskip("torch")
    torchattacks = pytest.importorskip("torchattacks")
    model = zoo.load("wrn16_2")
    images, labels = rightly_classified(model, 16)
    attack = attacks.fab(norm=norm, steps=20)
    ours = lengths(check_attack(attack, model, images, labels) - images, norm)
    peer = torchattacks.FAB(
        torch_module(model),
        norm={"linf": "Linf", "l2": "L2"}[norm],
        steps=20,
        multi_targeted=True,
    )
    theirs = np.full(len(images), np.inf)
    for target in range(2, 11):
        peer.target_class = target
        found = peer.attack_single_run_targeted(
            torch.tensor(images).permute(0, 3, 1, 2).contiguous(),
            torch.tensor(labels, dtype=torch.int64),
        )
        found = found.permute(0, 2, 3, 1).numpy()
        fooled = model.predict(found, verbose=0).argmax(1) != labels
        found = np.where(fooled, lengths(found - images, norm), np.inf)
        theirs = np.minimum(theirs, found)
    assert np.isfinite(theirs).all()
    assert np.median(ours / theirs) <= 1
    assert np.max(ours / theirs) <= 1.02
