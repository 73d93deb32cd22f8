"""Adversarial training through plain `compile` and `fit`."""

import inspect
import math
import sys
from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from zoo.inspection import check_float_input
from zoo.inspection import class_count
from zoo.models.scale_views import scale_views
from zoo.training import attacks
from zoo.training.trainers.input_checks import check_data
from zoo.training.trainers.input_checks import check_gives_logits
from zoo.training.trainers.input_checks import check_take_logits
from zoo.training.trainers.input_checks import plain_label_errors
from zoo.training.trainers.input_checks import unpack_batch
from zoo.training.trainers.loss_terms import mean_cross_entropy
from zoo.training.trainers.loss_terms import mean_square
from zoo.training.trainers.loss_terms import merge_scales
from zoo.training.trainers.loss_terms import one_row_a_scale
from zoo.training.trainers.plain_model_files import PlainModelFiles
from zoo.training.trainers.weight_perturbation import perturbed_weights


class AdversarialTrainer(PlainModelFiles, keras.Model):
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
    save and export, and what a trainer writes is the plain model's:
    `ModelCheckpoint("best.keras")` leaves a file for
    `keras.saving.load_model`, and `ModelCheckpoint("best.weights.h5",
    save_weights_only=True)` one for `load_weights` of the plain model. Other
    callbacks, validation, mixed precision and `tf.distribute` work as in any
    Keras fit.

    A weights file also holds the state of the optimiser and of all seed
    generators, the model's and the attack's. `trainer.load_weights` restores
    them, so an interrupted run continues with the same random numbers. It
    doesn't hold the state of a data set: a shuffled one starts again with the
    order of its first epoch.

    Metrics: `loss`, `adversarial_accuracy` and `clean_accuracy`. Training
    reports `clean_accuracy` only if it sees clean images: `clean_weight` or
    `logit_pairing` is above zero. Metrics given to `compile` see the
    adversarial predictions.

    Args:
        model: Maps `(batch, height, width, channels)` pixels in [0, 1] to
            logits.
        attack: `(model, images, labels) -> images`, such as
            `attacks.ddn(steps=5, max_norm=1.0)`; or its text, such as
            `"pgd:eps=0.1"`, for `attacks.parse`. The labels given to `fit`
            must be classes: integers of shape `(batch,)`.
        clean_weight: `a`, in [0, 1].
        logit_pairing: `w`, 0 or more.
        surrogate: Model that the attack sees in training, sharing weights
            with `model`; `None` for `model` itself.
        teacher: Model whose probabilities of the clean image replace a share
            of the label in `J`, for the clean and the adversarial image alike
            (RSLAD, [Zi et al., 2021](https://arxiv.org/abs/2108.07969),
            equation 7; here the attack still sees the label). `None` for the
            label alone.
        teacher_share: That share, above 0 and at most 1.
        weight_perturbation: Gamma of adversarial weight perturbation
            ([Wu et al., 2020](https://arxiv.org/abs/2004.05884), equation 9):
            each step descends from weights moved by this part of each layer's
            norm to where the loss is higher. The paper's is 0.005; 0 is off.
            It costs one gradient more a step, and takes one replica.
        validation_attack: What `evaluate` and validation attack with, as
            `attack` is given; `None` for `attack`. A stronger one, such as
            `"pgd:eps=0.1,steps=20"`, shows catastrophic overfitting.

    Raises:
        ValueError: If the model takes integers or ends in a softmax, a weight
            is out of its range, an attack's text is wrong, or the teacher's
            classes are others.
    """

    def __init__(
        self,
        model: keras.Model,
        attack: Callable | str,
        *,
        clean_weight: float = 0.5,
        logit_pairing: float = 0.0,
        surrogate: keras.Model | None = None,
        teacher: keras.Model | None = None,
        teacher_share: float = 1.0,
        weight_perturbation: float = 0.0,
        validation_attack: Callable | str | None = None,
        name: str = "adversarial_trainer",
    ):
        # Keras scales the loss if the trainer's policy is mixed_float16.
        super().__init__(name=name, dtype=model.dtype_policy)
        check_float_input(model)
        check_gives_logits(model)
        if not 0.0 <= clean_weight <= 1.0:
            raise ValueError(
                "clean_weight must be in [0, 1]. "
                f"Received: clean_weight={clean_weight}"
            )
        for term, weight in (
            ("logit_pairing", logit_pairing),
            ("weight_perturbation", weight_perturbation),
        ):
            if not 0.0 <= weight < math.inf:
                raise ValueError(
                    f"{term} must be 0 or more. Received: {term}={weight}"
                )
        if not 0.0 < teacher_share <= 1.0:
            raise ValueError(
                "teacher_share must be above 0 and at most 1. "
                f"Received: teacher_share={teacher_share}"
            )
        if teacher is not None:
            _check_teacher(teacher, model)
        self.model = model
        self.attack = _as_attack("attack", attack)
        self.validation_attack = self.attack
        if validation_attack is not None:
            self.validation_attack = _as_attack(
                "validation_attack", validation_attack
            )
        self.supports_jit = all(
            getattr(one, "supports_jit", True)
            for one in (self.attack, self.validation_attack)
        )
        self.teacher_share = teacher_share
        self.weight_perturbation = weight_perturbation
        self._teach = None if teacher is None else _lesson(teacher)
        self.clean_weight = clean_weight
        self.logit_pairing = logit_pairing
        self.surrogate = surrogate or model
        self._views = scale_views(model) or model
        self._classes = class_count(model)
        self._clean_accuracy = keras.metrics.SparseCategoricalAccuracy(
            name="clean_accuracy"
        )
        self._adversarial_accuracy = keras.metrics.SparseCategoricalAccuracy(
            name="adversarial_accuracy"
        )
        self.built = True

    def compile(self, optimizer="sgd", loss=None, metrics=None, **kwargs):
        """Configures training; the loss defaults to softmax cross-entropy.

        Raises:
            ValueError: If a loss or metric takes probabilities, as Keras' do
                by default: the model gives logits; or if XLA is asked to
                compile an attack that it can't.
        """
        if kwargs.get("jit_compile") is True and not self.supports_jit:
            raise ValueError(
                "jit_compile must not be True with this attack: XLA can't "
                f"compile it. Received: attack={self.attack!r}"
            )
        check_take_logits(
            loss=loss,
            metrics=metrics,
            weighted_metrics=kwargs.get("weighted_metrics"),
        )
        loss = loss or keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        )
        super().compile(
            optimizer=optimizer, loss=loss, metrics=metrics, **kwargs
        )
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, **kwargs):
        """Trains as any Keras model does.

        The first call says on standard error that it traces the training
        step, unless `verbose` is 0.

        Raises:
            ValueError: If the first images, of training or validation, are
                not floating-point pixels in [0, 1] of a shape that the model
                takes, or a label is no class of the model. Images of a
                generator are not checked, since they can be read only once.
        """
        given = inspect.signature(super().fit).bind(x, y, *args, **kwargs)
        check_data(self.model, x, y)
        validation = given.arguments.get("validation_data")
        if isinstance(validation, (tuple, list)):
            check_data(self.model, *validation[:2])
        else:
            check_data(self.model, validation)
        traced = self.train_function is not None or self.run_eagerly
        if given.arguments.get("verbose", "auto") and not traced:
            print(
                f"{self.name}: tracing the training step with its attack; the "
                "first step takes much longer than the next",
                file=sys.stderr,
            )
        with plain_label_errors(self._classes):
            return super().fit(x, y, *args, **kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """Measures as any Keras model does; checks the data as `fit` does."""
        # `fit` calls this after each epoch, with data that it has checked.
        if not kwargs.get("_use_cached_eval_dataset"):
            check_data(self.model, x, y)
        with plain_label_errors(self._classes):
            return super().evaluate(x, y, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Predicts as any Keras model does; checks the images as `fit` does."""
        check_data(self.model, x)
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """Takes one step; checks the data as `fit` does."""
        check_data(self.model, x, y)
        with plain_label_errors(self._classes):
            return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x, y=None, *args, **kwargs):
        """Measures one batch; checks the data as `fit` does."""
        check_data(self.model, x, y)
        with plain_label_errors(self._classes):
            return super().test_on_batch(x, y, *args, **kwargs)

    @property
    def losses(self):
        # Keras adds these up, but not if their types differ.
        return [
            ops.cast(loss, keras.config.floatx()) for loss in super().losses
        ]

    @property
    def sees_clean_images(self) -> bool:
        """Whether a training step needs the clean images' logits."""
        return self.clean_weight > 0.0 or self.logit_pairing > 0.0

    def call(self, images, training=None):
        if not isinstance(images, dict):
            return self.model(images, training=training)
        model = self._views if training else self.model
        logits = {}
        for kind in ("adversarial", "clean"):
            if kind not in images:
                continue
            before = _total(self.losses)
            logits[kind] = model(images[kind], training=training)
            if self.losses:
                # Keras adds the penalties whole; this leaves the share.
                penalties = _total(self.losses) - before
                self.add_loss((self._share(kind) - 1.0) * penalties)
        return logits

    def train_step(self, data):
        images, labels, weights = unpack_batch(data, self._classes)
        adversarial = self.attack(self.surrogate, images, labels)
        batches = {"adversarial": adversarial}
        if self.sees_clean_images:
            batches["clean"] = images
        if self._teach is not None:
            batches["taught"] = self._teach(images)
        data = batches, labels, weights
        if not self.weight_perturbation:
            return super().train_step(data)
        with perturbed_weights(self, data, self.weight_perturbation):
            return super().train_step(data)

    def test_step(self, data):
        images, labels, weights = unpack_batch(data, self._classes)
        adversarial = self.validation_attack(self.model, images, labels)
        batches = {"adversarial": adversarial, "clean": images}
        return super().test_step((batches, labels, weights))

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        if not isinstance(y_pred, dict):
            return super().compute_loss(x, y, y_pred, sample_weight, training)

        def loss(kind: str):
            logits, labels, weights = one_row_a_scale(
                y_pred[kind], y, sample_weight
            )
            labelled = super(AdversarialTrainer, self).compute_loss(
                x[kind], labels, logits, weights, training
            )
            if "taught" not in x:
                return labelled
            taught = mean_cross_entropy(
                x["taught"], y_pred[kind], sample_weight
            )
            # The penalties, which `labelled` has too, stay whole.
            taught = ops.cast(taught, labelled.dtype) + self._penalties()
            share = self.teacher_share
            return (1.0 - share) * labelled + share * taught

        total = self._share("adversarial") * loss("adversarial")
        if "clean" not in y_pred:
            return total
        total += self._share("clean") * loss("clean")
        if self.logit_pairing:
            pairing = mean_square(
                y_pred["clean"], y_pred["adversarial"], sample_weight
            )
            total += self.logit_pairing * ops.cast(pairing, total.dtype)
        return total

    def _penalties(self):
        """Returns the penalties' part of the replica's loss."""
        if not self.losses:
            return 0.0
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return _total(self.losses) / replicas

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
                metric.update_state(
                    y, merge_scales(y_pred[kind]), sample_weight
                )
        logs = super().compute_metrics(
            x["adversarial"],
            y,
            merge_scales(y_pred["adversarial"]),
            sample_weight,
        )
        if "clean" not in y_pred:
            logs.pop("clean_accuracy")
        return logs


def _as_attack(argument: str, attack: Callable | str) -> Callable:
    """Parses an attack given as text.

    Raises:
        ValueError: If the text is wrong, or what is given cannot be called.
    """
    if isinstance(attack, str):
        return attacks.parse(attack)
    if not callable(attack):
        raise ValueError(
            f"{argument} must be callable, (model, images, labels) -> images, "
            "or text such as 'pgd:eps=0.1'. "
            f"Received: {argument}={attack!r}"
        )
    return attack


def _check_teacher(teacher: keras.Model, model: keras.Model) -> None:
    check_gives_logits(teacher)
    counts = class_count(teacher), class_count(model)
    if None not in counts and counts[0] != counts[1]:
        raise ValueError(
            f"The teacher must have the model's {counts[1]} classes. "
            f"Received: {teacher.name} with {counts[0]}"
        )


def _lesson(teacher: keras.Model) -> Callable:
    """Returns the teacher as a function, whose weights Keras doesn't train."""

    def probabilities(images):
        logits = ops.cast(teacher(images, training=False), "float32")
        return ops.stop_gradient(ops.softmax(logits, axis=-1))

    return probabilities


def _total(losses):
    return sum(ops.sum(loss) for loss in losses)
