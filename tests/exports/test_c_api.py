from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from zoo import exports


class Echo(tf.Module):
    """Returns its inputs, and a product with a variable."""

    def __init__(self):
        super().__init__()
        self.factor = tf.Variable([2.0, 3.0])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 2], tf.float32, name="numbers"),
            tf.TensorSpec([None], tf.string, name="words"),
        ]
    )
    def echo(self, numbers, words):
        return {
            "product": numbers * self.factor,
            "words": words,
            "half": tf.cast(numbers, tf.bfloat16),
            "count": tf.size(words, tf.int64),
        }


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "echo"
    module = Echo()
    tf.saved_model.save(module, str(path), signatures={"echo": module.echo})
    return path


NUMBERS = np.array([[1, 2], [3, 4], [5, 6]], "float32")
WORDS = [b"short", b"", b"\0binary\0" + b"x" * 10_000 + b"\0"]


def test_runs_a_signature(path):
    with exports.SavedModelSession(path) as session:
        # Not contiguous, and of another type than the signature's.
        numbers = NUMBERS.astype("float64").T.copy().T
        outputs = session.run("echo", {"numbers": numbers, "words": WORDS})
    np.testing.assert_array_equal(outputs["product"], NUMBERS * [2, 3])
    assert outputs["words"].tolist() == WORDS
    assert outputs["half"].dtype == tf.bfloat16.as_numpy_dtype
    assert outputs["count"].shape == ()
    assert outputs["count"] == 3


def test_empty_batch(path):
    with exports.SavedModelSession(path) as session:
        outputs = session.run(
            "echo", {"numbers": np.zeros((0, 2)), "words": []}
        )
    assert outputs["product"].shape == (0, 2)
    assert outputs["words"].shape == (0,)


def test_signatures(path):
    with exports.SavedModelSession(path) as session:
        assert list(session.signatures) == ["echo"]
        sides = session.signatures["echo"]
    assert sides["inputs"]["words"] == tf.TensorSpec(
        [None], tf.string, name="words"
    )
    assert sides["outputs"]["product"].shape.as_list() == [None, 2]


def test_session_options(path):
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1)
    with exports.SavedModelSession(path, config=config) as session:
        inputs = {"numbers": NUMBERS, "words": WORDS}
        assert session.run("echo", inputs)["count"] == 3


def test_threads_share_a_session(path):
    def work(number):
        numbers = np.full((2, 2), number, "float32")
        for _ in range(20):
            outputs = session.run("echo", {"numbers": numbers, "words": WORDS})
            np.testing.assert_array_equal(outputs["product"], numbers * [2, 3])

    with (
        exports.SavedModelSession(path) as session,
        ThreadPoolExecutor(4) as threads,
    ):
        for done in [threads.submit(work, number) for number in range(4)]:
            done.result()


def test_wrong_calls(path):
    session = exports.SavedModelSession(path)
    good = {"numbers": NUMBERS, "words": WORDS}
    with pytest.raises(ValueError, match=r"one of \['echo'\]"):
        session.run("predict", good)
    with pytest.raises(ValueError, match=r"\['numbers', 'words'\]"):
        session.run("echo", {"numbers": NUMBERS})
    with pytest.raises(ValueError, match="bytes"):
        session.run("echo", {**good, "words": ["text"]})
    with pytest.raises(tf.errors.InvalidArgumentError):
        session.run("echo", {**good, "numbers": np.zeros((2, 3))})
    session.close()
    session.close()
    with pytest.raises(ValueError, match="open"):
        session.run("echo", good)


def test_not_a_saved_model(tmp_path):
    with pytest.raises(tf.errors.NotFoundError, match="SavedModel"):
        exports.SavedModelSession(tmp_path)
