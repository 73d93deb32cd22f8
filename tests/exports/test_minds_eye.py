"""The triple-staged network as a SavedModel: all classes in one graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import zoo
from zoo import exports
from zoo.exports.formats.runtimes import FORMATS
from zoo.exports.placement import cpu_only_ops


def test_triple_is_served_in_one_graph(tmp_path, predict):
    """Any batch, the same logits, and every op has a GPU kernel."""
    keras.utils.set_random_seed(0)
    model = zoo.models.minds_eye_triple(image_shape=(16, 16, 1))
    images = np.random.default_rng(0).random((5, 16, 16, 1), "float32")
    expected = model.predict(images, verbose=0)
    report = exports.save(model, tmp_path / "served")
    for count in (1, 5):
        np.testing.assert_allclose(
            predict(report, images[:count])["logits"],
            expected[:count],
            rtol=1e-4,
            atol=1e-5,
        )
    graph = tf.function(
        lambda images: model(images, training=False), autograph=False
    ).get_concrete_function(tf.TensorSpec((None, 16, 16, 1), "float32"))
    assert cpu_only_ops(graph.graph.as_graph_def()) == {}
    shapes = {
        output.shape[1:].is_fully_defined()
        for operation in graph.graph.get_operations()
        for output in operation.outputs
        if output.shape.rank and output.shape.rank > 2
    }
    assert shapes == {True}  # All maps but for the batch are static.


@pytest.mark.parametrize("file_format", FORMATS)
def test_triple_runs_in_other_runtimes(tmp_path, file_format):
    """ONNX has no log1p, and OpenVINO no op that fills a diagonal."""
    for package in FORMATS[file_format].packages:
        pytest.importorskip(package)
    keras.utils.set_random_seed(0)
    model = zoo.models.minds_eye_triple(image_shape=(16, 16, 1))
    report = exports.convert(model, tmp_path / "served", file_format)
    predict = exports.load_converted(report.path, file_format, threads=1)
    images = np.random.default_rng(0).random((3, 16, 16, 1), "float32")
    np.testing.assert_allclose(
        predict(images), model.predict(images, verbose=0), atol=1e-5
    )
