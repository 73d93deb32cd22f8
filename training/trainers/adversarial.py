"""Adversarial training through plain `compile` and `fit`."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from zoo.inspection import check_float_input
from zoo.inspection import input_shape
from zoo.models.scale_views import scale_views
from zoo.validation import check_images

_FIRST = 32
"""Images of an array that are checked: as many as a batch of Keras has."""


class AdversarialTrainer(keras.Model):
    """Trains a classifier on clean and adversarial images.

    Every step crafts adversarial images against the model's current weights,
    in inference mode and inside the training graph. Then it minimises

        a J(x, y) + (1 - a) J(x_adv, y) + w mean((f(x) - f(x_adv))^2)

    where `a` is the clean weight (IRM, equation 2) and `w` the weight of
    adversarial logit pairing (IRM, equation 4). Sample weights scale an
    image's share of all three terms. If the model's last layer is a
    `zoo.layers.MultiScaleEnsemble`, the loss is the mean over its scales;
    validation and predictions use the whole ensemble.

    Penalties of the model's layers are part of `J`. Those on weights count
    once. Those on the feature maps of clean images are weighted by `a`, of
    adversarial images by `1 - a`; an ensemble has them at each scale. The
    attack's own forward passes add none.

    The trainer owns no weights. `trainer.model` is the plain model, ready to
    save and export. The trainer itself cannot be saved, only its weights:
    give `ModelCheckpoint` `save_weights_only=True`. Other callbacks,
    validation, mixed precision and `tf.distribute` work as in any Keras fit.
    A checkpoint of the trainer holds the state of all seed generators, the
    model's and the attack's, so an interrupted run continues with the same
    random numbers. It doesn't hold the state of a data set: a shuffled one
    starts again with the order of its first epoch.

    Metrics: `loss`, `adversarial_accuracy` and `clean_accuracy`. Training
    reports `clean_accuracy` only if it sees clean images: `clean_weight` or
    `logit_pairing` is above zero. Metrics given to `compile` see the
    adversarial predictions.

    Args:
        model: Maps `(batch, height, width, channels)` pixels in [0, 1] to
            logits.
        attack: `(model, images, labels) -> images`, such as
            `attacks.ddn(steps=5, max_norm=1.0)`. The labels given to `fit`
            must be classes: integers of shape `(batch,)`.
        clean_weight: `a`, in [0, 1].
        logit_pairing: `w`, 0 or more.
        surrogate: Model that the attack sees in training, sharing weights
            with `model`; `None` for `model` itself.

    Raises:
        ValueError: If a weight is out of its range.
    """

    def __init__(
        self,
        model: keras.Model,
        attack: Callable,
        *,
        clean_weight: float = 0.5,
        logit_pairing: float = 0.0,
        surrogate: keras.Model | None = None,
        name: str = "adversarial_trainer",
    ):
        super().__init__(name=name)
        check_float_input(model)
        if not 0.0 <= clean_weight <= 1.0:
            raise ValueError(
                "clean_weight must be in [0, 1]. "
                f"Received: clean_weight={clean_weight}"
            )
        if logit_pairing < 0.0:
            raise ValueError(
                "logit_pairing must not be negative. "
                f"Received: logit_pairing={logit_pairing}"
            )
        self.model = model
        self.attack = attack
        self.clean_weight = clean_weight
        self.logit_pairing = logit_pairing
        self.surrogate = surrogate or model
        self._views = scale_views(model) or model
        self._clean_accuracy = keras.metrics.SparseCategoricalAccuracy(
            name="clean_accuracy"
        )
        self._adversarial_accuracy = keras.metrics.SparseCategoricalAccuracy(
            name="adversarial_accuracy"
        )
        self.built = True

    def get_config(self):
        raise NotImplementedError(
            "An AdversarialTrainer has no config to save; call "
            "trainer.model.save, or give ModelCheckpoint save_weights_only."
        )

    def save_own_variables(self, store):
        for index, state in enumerate(self._seed_states()):
            store[str(index)] = state

    def load_own_variables(self, store):
        for index, state in enumerate(self._seed_states()):
            if str(index) in store:
                state.assign(store[str(index)])

    def _seed_states(self):
        """Returns the states of the model's and the attack's generators."""
        generators = getattr(self.attack, "generators", ())
        return [
            *(v for v in self.variables if v.name == "seed_generator_state"),
            *(generator.state for generator in generators),
        ]

    def compile(self, optimizer="sgd", loss=None, metrics=None, **kwargs):
        """Configures training; the loss defaults to softmax cross-entropy."""
        loss = loss or keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, *args, **kwargs):
        """Trains as any Keras model does.

        Raises:
            ValueError: If the first images are not floating-point pixels in
                [0, 1] of a shape that the model takes. A generator's are not
                checked, since they can be read only once.
            NotImplementedError: If a `ModelCheckpoint` would save the trainer.
        """
        images = first_images(x)
        if images is not None:
            check_images(images, input_shape(self.model))
        for callback in tf.nest.flatten(kwargs.get("callbacks")):
            if not getattr(callback, "save_weights_only", True):
                self.get_config()
        return super().fit(x, *args, **kwargs)

    @property
    def sees_clean_images(self) -> bool:
        """Whether a training step needs the clean images' logits."""
        return self.clean_weight > 0.0 or self.logit_pairing > 0.0

    def call(self, images, training=None):
        if not isinstance(images, dict):
            return self.model(images, training=training)
        model = self._views if training else self.model
        logits = {}
        for kind, batch in images.items():
            before = _total(self.losses)
            logits[kind] = model(batch, training=training)
            if self.losses:
                # Keras adds the penalties whole; this leaves the share.
                penalties = _total(self.losses) - before
                self.add_loss((self._share(kind) - 1.0) * penalties)
        return logits

    def train_step(self, data):
        images, labels, weights = _unpacked(data)
        adversarial = self.attack(self.surrogate, images, labels)
        batches = {"adversarial": adversarial}
        if self.sees_clean_images:
            batches["clean"] = images
        return super().train_step((batches, labels, weights))

    def test_step(self, data):
        images, labels, weights = _unpacked(data)
        adversarial = self.attack(self.model, images, labels)
        batches = {"adversarial": adversarial, "clean": images}
        return super().test_step((batches, labels, weights))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if not isinstance(y_pred, dict):
            return super().compute_loss(x, y, y_pred, sample_weight, training)

        def loss(kind: str):
            logits, labels, weights = _one_row_a_scale(
                y_pred[kind], y, sample_weight
            )
            return super(AdversarialTrainer, self).compute_loss(
                x[kind], labels, logits, weights, training
            )

        total = self._share("adversarial") * loss("adversarial")
        if "clean" not in y_pred:
            return total
        total += self._share("clean") * loss("clean")
        if self.logit_pairing:
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            squares = ops.square(y_pred["clean"] - y_pred["adversarial"])
            pairing = ops.mean(squares, axis=range(1, len(squares.shape)))
            if sample_weight is not None:
                pairing *= ops.cast(sample_weight, pairing.dtype)
            total += self.logit_pairing * (ops.mean(pairing) / replicas)
        return total

    def _share(self, kind: str) -> float:
        clean = self.clean_weight
        return clean if kind == "clean" else 1.0 - clean

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if not isinstance(y_pred, dict):
            return super().compute_metrics(x, y, y_pred, sample_weight)
        for kind, metric in (
            ("clean", self._clean_accuracy),
            ("adversarial", self._adversarial_accuracy),
        ):
            if kind in y_pred:
                metric.update_state(y, _merge(y_pred[kind]), sample_weight)
        logs = super().compute_metrics(
            x["adversarial"], y, _merge(y_pred["adversarial"]), sample_weight
        )
        if "clean" not in y_pred:
            logs.pop("clean_accuracy")
        return logs


def _total(losses):
    return sum(ops.sum(loss) for loss in losses)


def _unpacked(data):
    """Returns images, labels and sample weights, and checks the labels."""
    images, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
    if labels is None or len(labels.shape) != 1 or not labels.dtype.is_integer:
        received = (
            "none" if labels is None else f"{labels.shape} {labels.dtype}"
        )
        raise ValueError(
            "Labels must be classes, integers of shape (batch,). "
            f"Received: {received}"
        )
    return images, labels, weights


def _one_row_a_scale(logits, labels, weights):
    """Reshapes `(batch, scales, classes)` logits to one row a scale.

    Labels and weights are repeated to match. Other logits pass unchanged.
    """
    if len(logits.shape) == 2:
        return logits, labels, weights
    scales, classes = logits.shape[1:]
    if weights is not None:
        weights = ops.repeat(weights, scales, axis=0)
    return (
        ops.reshape(logits, (-1, classes)),
        ops.repeat(labels, scales, axis=0),
        weights,
    )


def _merge(logits):
    """Averages log-probabilities over scales, for the training accuracy."""
    if len(logits.shape) == 2:
        return logits
    return ops.mean(ops.log_softmax(logits, axis=-1), axis=1)


def first_images(x: Any) -> Any | None:
    """Returns the first images of what `fit` is given.

    Args:
        x: Array of images, or batches of `(images, ...)` as a `tf.data` or
            Keras data set.

    Returns:
        A batch of images; `None` if there is none, or if `x` can be read only
        once, like a generator.
    """
    if hasattr(x, "shape"):
        return x[:_FIRST]
    if isinstance(x, tf.data.Dataset):
        batch = next(iter(x.take(1)), None)
    elif isinstance(x, keras.utils.PyDataset):
        batch = x[0]
    else:
        return None
    return batch[0] if isinstance(batch, (tuple, list)) else batch
