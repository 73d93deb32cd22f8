"""What every attack is: bound options and one in-graph function."""

import dataclasses
import weakref
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.ops import control_flow_util

from zoo.inspection import check_float_input
from zoo.inspection import input_shape
from zoo.inspection import is_black_box
from zoo.threat import ThreatModel
from zoo.validation import check_images
from zoo.validation import check_labels

Logits = Callable[[tf.Tensor], tf.Tensor]
"""Maps images to float32 logits; the model in inference mode."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Attack:
    """An attack with its options bound, callable on any model.

    `attack(model, images, labels)` returns adversarial images. Called
    eagerly, the arguments are checked and the attack is compiled once for
    each model and image shape, whatever the batch size; inside a
    `tf.function` it is inlined unchecked. A model may change its weights
    between calls, but not its layers' options. It runs with
    `training=False`: weights and moving averages stay as they are. No
    gradient flows through the result.

    To add an attack, write a file with a factory that checks its options
    and returns an `Attack` (`training/attacks/fgsm.py` is the shortest), and
    add one line to `ATTACKS` in `training/attacks/registry.py`. A test then
    asks for the import that type checkers read in `attacks/__init__.py`.

    Args:
        name: Name of the factory.
        algorithm: In-graph function `(logits, images, labels) -> images`,
            where `logits` maps images to the model's logits.
        norm: Norm the attack bounds or minimizes: `"linf"`, `"l2"`, ...
        eps: Radius of the ball, or `None` if the attack is unbounded.
        options: Options as the caller gave them, for `repr` and reports.
        black_box: Whether it asks the victim for predictions alone. Other
            attacks refuse a victim that has no gradient to give: one with a
            layer whose `black_box` is true.
        early_stop: Whether an image's search ends at its first success. Of a
            randomised model that may be one lucky draw.
        minimal: Whether it looks for the nearest image that fools, so that
            its images lie right behind the boundary.
        levels: Grey levels that its images are on; `None` for any.
        supports_jit: Whether XLA compiles it, as in `tf.function` or Keras'
            `compile` with `jit_compile=True`. No tensor's shape may then
            depend on the images, so no image may leave the batch: XLA pads
            such tensors, and what is scattered back may be wrong.
        generators: Sources of the attack's own randomness, which each call
            moves on. `SeedGenerator`s, if the attack is to be copied.
        sources: Models that it runs besides the victim.

    A copy (`copy.deepcopy`, `pickle`) goes on with the same random numbers as
    the original.
    """

    name: str
    algorithm: Callable[[Logits, tf.Tensor, tf.Tensor], tf.Tensor]
    norm: str
    eps: float | None
    options: Mapping[str, Any]
    black_box: bool = False
    early_stop: bool = False
    minimal: bool = False
    levels: int | None = None
    supports_jit: bool = False
    generators: tuple[keras.random.SeedGenerator, ...] = ()
    sources: tuple[keras.Model, ...] = ()
    _compiled: weakref.WeakKeyDictionary = dataclasses.field(
        default_factory=weakref.WeakKeyDictionary, init=False
    )

    def __post_init__(self) -> None:
        _ = self.threat  # Refuses an impossible ball.

    @property
    def threat(self) -> ThreatModel | None:
        """Ball the results stay in; `None` if unbounded or of radius 0."""
        if not self.eps:
            return None
        return ThreatModel(norm=self.norm, eps=self.eps)

    def __call__(
        self, model: keras.Model, images: tf.Tensor, labels: tf.Tensor
    ) -> tf.Tensor:
        """Perturbs the images so that the model mistakes them.

        Args:
            model: Maps pixels in [0, 1] to logits.
            images: Float images in [0, 1], NHWC.
            labels: True classes, or the wanted ones if the attack is
                targeted; integers of shape `(batch,)`.

        Returns:
            Float32 images in [0, 1], in the ball if there is one.

        Raises:
            ValueError: If images or labels break the rules above, the attack
                needs a gradient that the model doesn't have, or XLA would
                compile an attack that it can't.
        """
        self.check_model(model)
        if tf.inside_function():
            self._check_jit()
            return self._run(_Inference(model), images, labels)
        if not isinstance(model, keras.layers.Layer):
            raise ValueError(
                f"`model` must be a Keras model. Received: model={model!r}"
            )
        check_float_input(model)
        images = check_images(images, input_shape(model))
        check_labels(labels, len(images))
        graphs = self._compiled.setdefault(model, {})
        shape = images.shape[1:]
        if shape not in graphs:
            graphs[shape] = self._compile(model, shape)
        graph, num_classes = graphs[shape]
        labels = check_labels(labels, len(images), num_classes)
        return graph(images, labels.astype("int32"))

    def check_model(self, model: keras.Model) -> None:
        """Refuses a model whose gradient the attack would need in vain.

        Raises:
            ValueError: If the attack isn't `black_box`, but the model is.
        """
        if self.black_box or not isinstance(model, keras.layers.Layer):
            return
        if is_black_box(model):
            raise ValueError(
                f"{self.name} needs the model's gradient, but {model.name} "
                "gives predictions alone, as every SavedModel does. Take a "
                "black-box attack, or make the images on another model: "
                "attacks.transfer, on the command line --transfer-from. "
                f"Received: attack={self!r}"
            )

    def _check_jit(self):
        """Refuses XLA, which would abort the process or never return."""
        if not self.supports_jit and compiles_with_xla():
            raise ValueError(
                f"{self.name} with these options can't be compiled by XLA: "
                "its images leave the batch at different steps, or it runs on "
                "the host. Leave out jit_compile=True. "
                f"Received: attack={self!r}"
            )

    def _run(self, logits, images, labels):
        images = tf.cast(images, "float32")
        labels = tf.cast(labels, "int32")
        return tf.stop_gradient(self.algorithm(logits, images, labels))

    def _compile(self, model, shape):
        """Returns the traced attack and the model's number of classes."""
        logits = _Inference(model)
        graph = tf.function(
            lambda images, labels: self._run(logits, images, labels),
            autograph=False,
        ).get_concrete_function(
            tf.TensorSpec((None, *shape), "float32"),
            tf.TensorSpec((None,), "int32"),
        )
        return graph, logits.num_classes

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_compiled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _compiled=weakref.WeakKeyDictionary())

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in self.options.items())
        return f"{self.name}({options})"


def compiles_with_xla() -> bool:
    """Returns whether what is being traced will be compiled by XLA."""
    graph = tf.compat.v1.get_default_graph()
    return control_flow_util.GraphOrParentsInXlaContext(graph)


class SeedGenerator(keras.random.SeedGenerator):
    """Keras' source of random numbers, which can also be copied and pickled.

    The copy has a state of its own and draws what the original would.
    """

    def __reduce__(self):
        state = keras.ops.convert_to_numpy(self.state)
        return _restored_generator, (self.get_config(), state)


def _restored_generator(config, state):
    generator = SeedGenerator.from_config(config)
    generator.state.assign(state)
    return generator


class _Inference:
    """Maps images to the model's float32 logits, in inference mode."""

    def __init__(self, model):
        self.model = model
        self.num_classes = None

    def __call__(self, images):
        logits = self.model(images, training=False)
        shape = getattr(logits, "shape", None)
        if shape is None or len(shape) != 2:
            raise ValueError(
                "`model` must return logits of shape (batch, classes). "
                f"Received: {type(logits).__name__} of shape {shape}"
            )
        self.num_classes = logits.shape[-1]
        return tf.cast(logits, "float32")
