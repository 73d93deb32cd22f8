"""Where an exported model takes its random numbers from.

A `keras.random.SeedGenerator` keeps its state in a variable. Saved as it
is, every load starts from the same state and replays the same noise, so
an attacker who holds the export knows all draws of a randomised defense.
Fresh entropy comes from TensorFlow's own generator, seeded by the system
in every process; it is not a cryptographic one.
"""

import contextlib
import re
import threading
from collections.abc import Iterator

import keras
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from zoo.exports.placement import reachable_nodes

DRAW_NAME = "fresh_entropy_draw"
_FRESH = re.compile(rf"(?:^|/){DRAW_NAME}_(\d+)$")
# Keras reduces both words of a seed to this range.
_SEED_RANGE = tf.int32.max - 1
_PATCH = threading.Lock()
_WRITES = frozenset(
    {
        "AssignVariableOp",
        "AssignAddVariableOp",
        "AssignSubVariableOp",
        "RngReadAndSkip",
        "RngSkip",
        "StatefulStandardNormalV2",
        "StatefulTruncatedNormal",
        "StatefulUniform",
        "StatefulUniformFullInt",
        "StatefulUniformInt",
    }
)
_PYTHON = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})


class SeedSource:
    """Draws the seeds that replace those of the seed generators.

    Args:
        seed: `None` for an op that draws fresh entropy in every process
            and every call. A number makes the n-th draw the constant
            `(seed, n)`, so that every call sees the same noise; so does a
            scalar int64 tensor, whose value a call may choose.

    Raises:
        ValueError: If `seed` is not a whole number below 2**31 - 2.
    """

    def __init__(self, seed: int | tf.Tensor | None):
        if not (seed is None or tf.is_tensor(seed)) and not (
            isinstance(seed, int) and 0 <= seed < _SEED_RANGE
        ):
            raise ValueError(
                "`seed` must be a whole number from zero and below "
                f"{_SEED_RANGE}. Received: seed={seed!r}"
            )
        self.seed = seed
        self.draws = 0

    def __call__(self, dtype: str) -> tf.Tensor:
        """Returns the two words of the next seed."""
        if tf.is_tensor(self.seed):
            draw = tf.constant(self.draws, "int64")
            drawn = tf.stack([self.seed % _SEED_RANGE, draw])
        elif self.seed is not None:
            drawn = tf.constant([self.seed, self.draws], "int64")
        else:
            # The raw op: `tf.random` would bake in the global seed. With
            # both seeds zero, each kernel is seeded when it is made.
            drawn = tf.raw_ops.RandomUniformInt(
                shape=[2],
                minval=tf.constant(0, "int64"),
                maxval=tf.constant(_SEED_RANGE, "int64"),
                seed=0,
                seed2=0,
                name=f"{DRAW_NAME}_{self.draws}",
            )
        self.draws += 1
        return tf.cast(drawn, dtype)


@contextlib.contextmanager
def seeds_from(source: SeedSource) -> Iterator[None]:
    """Makes seed generators hand out the seeds of `source`.

    Their own state is neither read nor advanced. Other threads keep the
    usual behaviour, or wait if they export too.
    """
    generator = keras.random.SeedGenerator
    thread = threading.get_ident()
    with _PATCH:
        original = generator.next

        def replaced(self, ordered=True):
            if threading.get_ident() != thread:
                return original(self, ordered)
            return source(self.state.dtype)

        generator.next = replaced
        try:
            yield
        finally:
            generator.next = original


def check_graph(graph_def: tf.compat.v1.GraphDef) -> None:
    """Refuses graphs that a server cannot run or that may replay noise.

    Raises:
        ValueError: If predicting writes to a variable, calls back into
            Python, or draws random numbers past the seed generators.
    """
    for node in reachable_nodes(graph_def):
        found = f"Received: op={node.op}, name={node.name}"
        if node.op in _PYTHON:
            raise ValueError(
                f"An exported model must not call Python functions. {found}"
            )
        if node.op in _WRITES or (
            "seed2" in node.attr and not _FRESH.search(node.name)
        ):
            raise ValueError(
                "A model must draw random numbers through an owned "
                "`keras.random.SeedGenerator` and change no variable when it "
                f"predicts. {found}"
            )


def pin_entropy(saved_model: bytes, seed: int) -> bytes:
    """Replaces the fresh entropy of a serialised SavedModel.

    Args:
        saved_model: Contents of `saved_model.pb`.
        seed: The n-th draw becomes the constant `(seed, n)`.

    Returns:
        The new contents; the same bytes if nothing is drawn.
    """
    pinned = False
    message = saved_model_pb2.SavedModel.FromString(saved_model)
    for meta_graph in message.meta_graphs:
        for node in reachable_nodes(meta_graph.graph_def):
            drawn = _FRESH.search(node.name)
            if drawn and node.op == "RandomUniformInt":
                value = tf.make_tensor_proto([seed, int(drawn[1])], "int64")
                pinned = True
                node.op = "Const"
                del node.input[:]
                node.attr.clear()
                node.attr["dtype"].type = value.dtype
                node.attr["value"].tensor.CopyFrom(value)
    return message.SerializeToString() if pinned else saved_model
