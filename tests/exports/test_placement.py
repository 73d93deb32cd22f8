import importlib.resources
import json

import keras
import pytest
import tensorflow as tf

from zoo import exports
from zoo.exports.gpu_kernels import _merge
from zoo.exports.gpu_kernels import gpu_kernels
from zoo.exports.gpu_kernels import registered_gpu_kernels
from zoo.exports.placement import cpu_only_ops
from zoo.layers import JPEG

IMAGES = tf.TensorSpec([None, 8, 8, 3], tf.float32)


def ops(function, *specs):
    concrete = tf.function(function).get_concrete_function(*specs)
    return cpu_only_ops(concrete.graph.as_graph_def())


def test_convolutional_network_has_none():
    def network(images):
        filters = tf.ones([3, 3, 3, 4], images.dtype)
        maps = tf.nn.relu(tf.nn.conv2d(images, filters, 1, "SAME"))
        logits = tf.cast(tf.reduce_mean(maps, [1, 2]), tf.float32)
        return tf.nn.softmax(logits), tf.argmax(logits, -1)

    assert ops(network, IMAGES) == {}
    half = tf.TensorSpec(IMAGES.shape, tf.bfloat16)
    assert ops(network, half) == {}


def test_decoding_and_antialiased_resizing():
    def network(contents):
        image = tf.io.decode_jpeg(contents, channels=3)
        return tf.image.resize(image, (4, 4), antialias=True)

    assert ops(network, tf.TensorSpec([], tf.string)) == {
        "DecodeJpeg": 1,
        "ScaleAndTranslate": 1,
    }


def test_plain_resizing_has_none():
    assert ops(lambda x: tf.image.resize(x, (4, 4)), IMAGES) == {}


def test_finds_ops_inside_loops_and_branches():
    def network(images):
        shrunk = tf.map_fn(lambda x: tf.image.resize(x, (4, 4), "area"), images)
        return tf.cond(
            tf.reduce_mean(images) > 0.5,
            lambda: tf.random.shuffle(shrunk),
            lambda: shrunk,
        )

    assert ops(network, IMAGES) == {"RandomShuffle": 1, "ResizeArea": 1}


def test_types_count():
    """Some ops have GPU kernels for some types only."""

    def bitcast_and_sort(values):
        return tf.raw_ops.Roll(input=values, shift=1, axis=0)

    assert ops(bitcast_and_sort, tf.TensorSpec([3], tf.float32)) == {}
    assert ops(bitcast_and_sort, tf.TensorSpec([3], tf.uint8)) == {"Roll": 1}


def test_functions_that_are_not_called_are_left_out():
    @tf.function(input_signature=[IMAGES])
    def unused(images):
        return tf.image.resize(images, (4, 4), "area")

    concrete = tf.function(lambda x: x + 1).get_concrete_function(IMAGES)
    graph_def = concrete.graph.as_graph_def()
    graph_def.library.function.append(
        unused.get_concrete_function().function_def
    )
    assert cpu_only_ops(graph_def) == {}


def test_table_merges_kernels():
    merged = _merge(
        [
            {"T": [1], "Tidx": [3]},
            {"T": [2], "Tidx": [3]},
            {"T": [1], "Tidx": [9]},
            {"T": [2], "Tidx": [9]},
            {"T": [5], "Tidx": [9]},
        ]
    )
    allowed = {(t, i) for row in merged for t in row["T"] for i in row["Tidx"]}
    assert allowed == {(1, 3), (2, 3), (1, 9), (2, 9), (5, 9)}
    assert len(merged) == 2
    assert _merge([{"T": [1]}, {}]) == [{}]


@pytest.mark.skipif(
    not tf.sysconfig.get_build_info().get("is_cuda_build"),
    reason="needs a TensorFlow built with CUDA",
)
def test_bundled_table_is_that_of_a_cuda_build():
    path = importlib.resources.files("zoo.exports") / "gpu_kernels.json"
    bundled = json.loads(path.read_text())
    assert gpu_kernels() == registered_gpu_kernels()
    if tf.__version__.startswith("2.21."):
        assert bundled == registered_gpu_kernels()


def test_an_export_must_run_on_a_gpu(tmp_path):
    """But for ingest, and for what is allowed by name."""

    class Shrink(keras.layers.Layer):
        def call(self, images):
            return tf.image.resize(images, (4, 4), "area")

    model = keras.Sequential(
        [keras.Input((8, 8, 3)), Shrink(), keras.layers.Flatten()]
    )
    for names in (["serving_default"], ["serving_bytes"]):
        with pytest.raises(ValueError, match=r"ops=\{'ResizeArea': 1\}"):
            exports.save(model, tmp_path / "model", signatures=names)
    assert not list(tmp_path.iterdir())
    report = exports.save(
        model, tmp_path / "model", allow_cpu_ops=["ResizeArea"]
    )
    assert report.cpu_only_ops["serving_default"] == {"ResizeArea": 1}


def test_libjpeg_is_refused_with_advice(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            JPEG(75, codec="libjpeg", name="compress"),
            keras.layers.Flatten(),
        ]
    )
    with pytest.raises(ValueError, match=r"\['compress'\] with codec='dct'"):
        exports.save(model, tmp_path / "model")
    assert not list(tmp_path.iterdir())
