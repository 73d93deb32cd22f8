"""Configurations that make Keras do more than build layers are refused."""

import json
import zipfile

import keras
import numpy as np
import pytest

import zoo
from zoo.cli.keras_configs import UnknownClassError
from zoo.cli.keras_configs import UnsafeConfigError
from zoo.cli.keras_configs import check_config
from zoo.cli.keras_files import read_keras_file

SHAPE = (8, 8, 3)
IMAGES = {
    "class_name": "__keras_tensor__",
    "config": {
        "shape": [None, *SHAPE],
        "dtype": "float32",
        "keras_history": ["images", 0, 0],
    },
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Members of a `.keras` file of a linear model."""
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    images = keras.Input(SHAPE, name="images")
    features = keras.layers.Flatten(name="flat")(images)
    keras.Model(images, keras.layers.Dense(2, name="logits")(features)).save(
        path
    )
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    return members


def written(plain, path, layer):
    """Writes a `.keras` file with one more layer, which leads nowhere."""
    config = json.loads(plain["config.json"])
    config["config"]["layers"].append(layer)
    members = plain | {"config.json": json.dumps(config)}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def layer(kind, *nodes, module="keras.layers", **config):
    return {
        "module": module,
        "class_name": kind,
        "config": {"name": "more", **config},
        "registered_name": None,
        "name": "more",
        "inbound_nodes": list(nodes),
    }


def function(name, module):
    return {
        "class_name": "function",
        "module": module,
        "config": name,
        "registered_name": "function",
    }


def called(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


def gallery(folder):
    """Writes a picture as it is loaded."""
    return layer(
        "Lambda",
        called(IMAGES),
        function=function("plot_image_gallery", "keras.visualization"),
        arguments={
            "path": str(folder / "harm.png"),
            "rows": 1,
            "cols": 1,
            "value_range": [0, 1],
        },
        output_shape=[2],
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (gallery, "'Lambda'"),
        (
            lambda _: layer(
                "Lambda",
                called(inputs="float16"),
                function=function("set_floatx", "keras.config"),
            ),
            "'Lambda'|the text 'float16'",
        ),
        (
            lambda folder: layer(
                "TFSMLayer", called(IMAGES), filepath=str(folder)
            ),
            "'TFSMLayer'",
        ),
        (
            lambda folder: layer("Flatten", called(inputs=str(folder))),
            "a call with the text",
        ),
        (
            lambda _: layer("Flatten", called(IMAGES, x={"y": ["/etc"]})),
            "a call with the text '/etc'",
        ),
        (
            lambda _: layer("Flatten", called(layer("Dense", units=2))),
            "a call with the object 'Dense'",
        ),
        (
            lambda _: layer(
                "Activation",
                called(IMAGES),
                activation=function("load_model", "keras.saving"),
            ),
            "the function 'load_model'",
        ),
        (
            lambda _: layer(
                "TimeDistributed",
                called(IMAGES),
                layer=layer("StringLookup", vocabulary="/etc/passwd"),
            ),
            "'StringLookup'",
        ),
        (
            lambda _: layer(
                "FeatureSpace", called(IMAGES), module="keras.utils"
            ),
            "'FeatureSpace'",
        ),
        (
            lambda _: layer("ResNet50", module="keras.applications"),
            "'ResNet50'",
        ),
        (
            lambda _: layer("CSVLogger", module="keras.callbacks"),
            "'CSVLogger'",
        ),
        (
            lambda _: {"class_name": "Lambda", "config": {}},
            "'Lambda'",
        ),
    ],
    ids=[
        *("gallery", "floatx", "savedmodel", "path", "deep path", "object"),
        *("function", "wrapped", "space", "application", "callback", "legacy"),
    ],
)
def test_more_than_layers_is_refused(plain, tmp_path, more, said):
    floatx = keras.config.floatx()
    path = written(plain, tmp_path / "harm.keras", more(tmp_path))
    known = "holds (a layer or a call that may run|layers that this package)"
    with pytest.raises(ValueError, match=f"{path} {known}.*({said})"):
        read_keras_file(path)
    assert [one.name for one in tmp_path.iterdir()] == ["harm.keras"]
    assert keras.config.floatx() == floatx


def test_unknown_classes_are_told_apart():
    config = {"class_name": "Own", "module": None, "config": {}}
    with pytest.raises(UnknownClassError):
        check_config(config | {"registered_name": "elsewhere>Own"})
    with pytest.raises(UnsafeConfigError):
        check_config({"class_name": "Lambda", "module": "keras.layers"})


def test_calls_as_keras_2_wrote_them():
    config = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 2},
        "inbound_nodes": [[["images", 0, 0, {"training": False}]]],
    }
    check_config(config)
    config["inbound_nodes"] = [[["images", 0, 0, {"inputs": "/etc"}]]]
    with pytest.raises(UnsafeConfigError, match="the text '/etc'"):
        check_config(config)


def network():
    """A model whose calls have all kinds of arguments that Keras writes."""
    images = keras.Input(SHAPE)
    part = images[:, ::2, ..., :2] + keras.ops.full_like(
        images[:, ::2, ..., :2], 0.5, dtype="float32"
    )
    part = keras.ops.pad(part, ((0, 0), (1, 1), (0, 0), (0, 0)))
    part = keras.ops.mean(part, axis=(1, 2), keepdims=True) * np.ones(
        (1, 1, 1, 2), "float32"
    )
    tokens = keras.layers.Reshape((64, 3))(images)
    tokens = keras.layers.MultiHeadAttention(1, 2)(
        tokens, tokens, use_causal_mask=True
    )
    tokens = keras.layers.Bidirectional(keras.layers.LSTM(2))(tokens)
    inner = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Conv2D(
                2,
                1,
                kernel_initializer=keras.initializers.HeNormal(seed=1),
                kernel_regularizer="l2",
                activation=keras.ops.silu,
            ),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.GlobalAveragePooling2D(dtype="mixed_bfloat16"),
        ]
    )
    inner.compile("adam", "mse", metrics=["mae"])
    joined = keras.layers.concatenate(
        [
            keras.layers.Flatten()(part),
            tokens,
            keras.ops.cast(inner(images, training=False), "float32"),
        ]
    )
    joined = keras.layers.Activation("relu")(joined)
    return keras.Model(images, keras.layers.Dense(3)(joined))


def test_models_of_keras_still_load(tmp_path):
    model = network()
    model.compile("adam", "mse", metrics=["mae"])
    path = tmp_path / "model.keras"
    model.save(path)
    images = np.random.default_rng(0).random((2, *SHAPE), "float32")
    np.testing.assert_allclose(
        read_keras_file(path)(images), model(images), atol=1e-6
    )


@pytest.mark.parametrize(
    "build",
    [
        lambda: zoo.load("blurnet_tv", weights=None),
        lambda: zoo.load("irm_wrn16_2", weights=None),
        lambda: zoo.defend(network(), "jpeg"),
    ],
    ids=["blurnet", "irm", "jpeg"],
)
def test_models_of_the_zoo_still_load(tmp_path, build):
    path = tmp_path / "model.keras"
    build().save(path)
    read_keras_file(path)


@pytest.mark.large
@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in dir(keras.applications)
        if isinstance(getattr(keras.applications, name), type(network))
    ),
)
def test_keras_applications_pass(name):
    keras.utils.clear_session()
    model = getattr(keras.applications, name)(weights=None)
    check_config(json.loads(model.to_json()))
