"""SavedModels as black boxes."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops as xla_ops
from tensorflow.core.framework import variable_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tests.helpers import LinearModel
from zoo import exports
from zoo.inspection import is_stochastic
from zoo.training import load_saved_model
from zoo.training.attacks import fgsm
from zoo.training.attacks import noise
from zoo.training.attacks import square
from zoo.training.attacks import transfer
from zoo.training.evaluation import evaluate
from zoo.training.evaluation.harmless_graph import check_harmless

SHAPE = (4, 5, 3)


@pytest.fixture
def linear():
    return LinearModel(SHAPE, num_classes=3)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((7, *SHAPE), "float32")


def write(path, function, spec=(None, *SHAPE), dtype=tf.float32, **signatures):
    """Writes a function of images as a SavedModel."""
    module = tf.Module()
    signatures = signatures or {"serving_default": function}
    for name, body in signatures.items():
        signatures[name] = tf.function(
            body, input_signature=[tf.TensorSpec(spec, dtype, name="images")]
        )
    tf.saved_model.save(module, str(path), signatures=signatures)
    return path


def brightness(images):
    """Two logits by the mean of the pixels."""
    bright = tf.reduce_mean(tf.cast(images, tf.float32), (1, 2, 3))
    return tf.stack([-bright, bright], axis=-1)


def test_our_own_exports_give_their_logits(tmp_path, linear, images):
    exports.save(linear.keras, tmp_path / "served", classes=["a", "b", "c"])
    model = load_saved_model(tmp_path / "served")
    assert model.name == "served"
    assert model.input_shape == (None, *SHAPE)
    assert model.output_shape == (None, 3)
    logits = model.predict(images, verbose=0)
    expected = linear.keras.predict(images, verbose=0)
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
    assert not is_stochastic(model)


def test_names_do_nothing_to_a_terminal(tmp_path):
    path = write(tmp_path / "se\x1brved\nhere", brightness)
    assert load_saved_model(path).name == "se_rved_here"


def test_highest_version_is_taken(tmp_path, images):
    for version in (9, 10):
        write(
            tmp_path / "served" / str(version),
            lambda images, v=version: {"logits": v * brightness(images)},
        )
    (tmp_path / "served" / "11").mkdir()
    (tmp_path / "served" / "latest").mkdir()
    expected = brightness(images)
    for path, version in (("served", 10), ("served/9", 9)):
        logits = load_saved_model(tmp_path / path)(images)
        np.testing.assert_allclose(logits, version * expected, rtol=1e-6)


def test_keras_exports_of_probabilities_give_their_logarithms(
    tmp_path, linear, images
):
    """Up to a constant an image, these are the logits."""
    probabilities = keras.Sequential([linear.keras, keras.layers.Softmax()])
    probabilities.export(tmp_path / "served", verbose=False)
    logits = load_saved_model(tmp_path / "served").predict(images, verbose=0)
    expected = keras.ops.log_softmax(linear.keras.predict(images, verbose=0))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_certain_probabilities_stay_finite(tmp_path, images):
    path = write(
        tmp_path / "served",
        lambda images: {
            "scores": tf.one_hot(tf.ones_like(images[:, 0, 0, 0], tf.int32), 3)
        },
    )
    assert np.isfinite(load_saved_model(path)(images)).all()


@pytest.mark.parametrize(
    "outputs",
    [
        lambda z: {"anything": z},
        lambda z: {"logits": z, "probabilities": tf.nn.softmax(z)},
        lambda z: {"classes": tf.argmax(z, -1), "z": tf.cast(z, tf.float64)},
        lambda z: {"probabilities": tf.nn.softmax(z), "other": z * 0},
    ],
    ids=["one", "both", "others", "probabilities"],
)
def test_which_output_is_taken(tmp_path, images, outputs):
    path = write(tmp_path / "a", lambda images: outputs(brightness(images)))
    logits = load_saved_model(path)(images)
    assert logits.dtype == tf.float32
    margin = brightness(images)
    np.testing.assert_allclose(
        logits[:, 1] - logits[:, 0], margin[:, 1] - margin[:, 0], rtol=1e-5
    )


def test_half_precision_input(tmp_path, images):
    path = write(tmp_path / "a", brightness, dtype=tf.bfloat16)
    expected = brightness(images)
    np.testing.assert_allclose(
        load_saved_model(path)(images), expected, atol=1e-2
    )


def test_open_size_needs_image_size(tmp_path, images):
    path = write(tmp_path / "a", brightness, spec=(None, None, None, 3))
    with pytest.raises(ValueError, match="any size.*`image_size`"):
        load_saved_model(path)
    model = load_saved_model(path, image_size=SHAPE[:2])
    assert model.input_shape == (None, *SHAPE)
    np.testing.assert_allclose(model(images), brightness(images), rtol=1e-6)


def test_size_that_is_not_the_models_is_refused(tmp_path):
    path = write(tmp_path / "a", brightness)
    with pytest.raises(ValueError, match=r"image_size=\(8, 8\)"):
        load_saved_model(path, image_size=(8, 8))


def test_what_is_no_saved_model(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(FileNotFoundError, match="no SavedModel in"):
            load_saved_model(path)
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not a SavedModel that TensorFlow"):
        load_saved_model(tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"function": None, "serve": brightness}, "Received: serve"),
        ({"function": brightness, "spec": (None, 4)}, "any number of float"),
        ({"function": brightness, "dtype": tf.uint8}, "any number of float"),
        ({"function": brightness, "spec": (1, *SHAPE)}, "any number of"),
        ({"function": lambda x: {"map": x}}, r"Received: the outputs map"),
        ({"function": lambda x: brightness(x)[:, :1]}, "Received: the outputs"),
        (
            {"function": lambda x: dict.fromkeys("ab", brightness(x))},
            "Received: the outputs a float32.*, b float32",
        ),
        ({"function": lambda x: brightness(x)[:1]}, "1 rows for 4 images"),
    ],
)
def test_what_is_no_classifier(tmp_path, options, said):
    if options.get("spec") == (None, 4):
        options = options | {"function": tf.identity}
    path = write(tmp_path / "a", **options)
    with pytest.raises(ValueError, match=said):
        load_saved_model(path)


class Noise(keras.layers.Layer):
    stochastic = True

    def __init__(self):
        super().__init__()
        self.generator = keras.random.SeedGenerator(0)

    def call(self, images):
        shape = keras.ops.shape(images)
        return images + keras.random.normal(shape, seed=self.generator)


def test_randomised_exports_are_stochastic(tmp_path, linear, images):
    model = keras.Sequential([keras.Input(SHAPE), Noise(), linear.keras])
    exports.save(model, tmp_path / "served")
    loaded = load_saved_model(tmp_path / "served")
    assert is_stochastic(loaded)
    assert not np.array_equal(loaded(images), loaded(images))


def test_dropout_alone_is_not(tmp_path, linear):
    model = keras.Sequential(
        [keras.Input(SHAPE), keras.layers.Dropout(0.5), linear.keras]
    )
    model.export(tmp_path / "served", verbose=False)
    assert not is_stochastic(load_saved_model(tmp_path / "served"))


@pytest.fixture
def black_box(tmp_path):
    return load_saved_model(write(tmp_path / "served", brightness))


def test_no_gradient_is_given(black_box, images):
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = black_box(images)
    assert tape.gradient(logits, images) is None


def test_gradient_attacks_are_refused_before_anything_runs(black_box, images):
    labels = np.zeros(len(images), "int64")
    message = r"needs the model's gradient, but served.*Received: attack=fgsm"
    attack = fgsm(eps=0.1)
    with pytest.raises(ValueError, match=message):
        attack(black_box, images, labels)
    with pytest.raises(ValueError, match=message):
        tf.function(lambda x: attack(black_box, x, labels))(images)
    with pytest.raises(ValueError, match=message):
        # The labels are wrong too, but nothing has looked at them.
        evaluate(black_box, (images, labels + 7), [attack], progress=False)
    inner = keras.Sequential([keras.Input(SHAPE), black_box])
    with pytest.raises(ValueError, match="needs the model's gradient"):
        attack(inner, images, labels)


@pytest.mark.parametrize(
    "attack",
    [
        lambda source: noise(eps=0.5, repeats=50, seed=0),
        lambda source: square(eps=0.5, queries=50, seed=0),
        lambda source: transfer(attack=fgsm(eps=0.5), source=source),
    ],
    ids=["noise", "square", "transfer"],
)
def test_black_box_attacks_run(tmp_path, linear, attack):
    exports.save(linear.keras, tmp_path / "served")
    model = load_saved_model(tmp_path / "served")
    images, labels = linear.batch(4)
    report = evaluate(
        model, (images, labels), [attack(linear.keras)], progress=False
    )
    assert report.clean_accuracy == 1
    assert report.attacks[0].robust_accuracy == 0


WRITTEN = "/tmp/zoo-saved-model-wrote-this"


def calling(op):
    """Brightness, after an op that does something else."""

    def function(images):
        with tf.control_dependencies(tf.nest.flatten([op()])):
            return tf.identity(brightness(images))

    return function


def read_in_a_branch():
    return tf.cond(
        tf.random.uniform(()) > 2,
        lambda: tf.io.read_file("/etc/hostname"),
        lambda: "",
    )


HARMFUL = {
    "ReadFile": lambda: tf.io.read_file("/etc/hostname"),
    "WriteFile": lambda: tf.io.write_file(WRITTEN, "x"),
    "MatchingFiles": lambda: tf.io.matching_files("/etc/*"),
    "PrintV2": lambda: tf.print("x", output_stream=f"file://{WRITTEN}"),
    "EagerPyFunc": lambda: tf.py_function(lambda: 1.0, [], tf.float32),
    "SaveV2": lambda: tf.raw_ops.SaveV2(
        prefix=WRITTEN, tensor_names=["x"], shape_and_slices=[""], tensors=[1.0]
    ),
    "RestoreV2": lambda: tf.raw_ops.RestoreV2(
        prefix="/tmp/x",
        tensor_names=["x"],
        shape_and_slices=[""],
        dtypes=[tf.float32],
    )[0],
    "TextLineDataset": lambda: tf.data.TextLineDataset("/etc/hostname").reduce(
        "", lambda first, second: first + second
    ),
    "DebugIdentity": lambda: tf.raw_ops.DebugIdentity(
        input=1.0, debug_urls=[f"file://{WRITTEN}"]
    ),
    "ReadFile in a branch": read_in_a_branch,
    # Ops without state.
    "ImmutableConst": lambda: tf.raw_ops.ImmutableConst(
        dtype=tf.float32, shape=(1,), memory_region_name="/etc/hostname"
    ),
    "DecodeProtoV2": lambda: (
        tf.raw_ops.DecodeProtoV2(
            bytes=[""],
            message_type="A",
            field_names=[],
            output_types=[],
            descriptor_source="/etc/hostname",
        ).sizes
    ),
    "EncodeProto": lambda: tf.raw_ops.EncodeProto(
        sizes=[[1]],
        values=[[[1.0]]],
        field_names=["a"],
        message_type="A",
        descriptor_source="/etc/hostname",
    ),
    "Abort": lambda: tf.cond(
        tf.random.uniform(()) > 2, tf.raw_ops.Abort, tf.no_op
    ),
    "ParseTensor": lambda: tf.io.parse_tensor("", tf.float32),
    "XlaCallModule": lambda: xla_ops.xla_call_module(
        args=(tf.constant(1.0),),
        version=5,
        module=b"",
        Tout=[tf.float32],
        Sout=[()],
        platforms=["CPU"],
    ),
    "XlaCustomCallV2": lambda: xla_ops.xla_custom_call_v2(
        operands=[1.0],
        call_target_name="f",
        backend_config="",
        has_side_effect=False,
        result_dtypes=[tf.float32],
        result_shapes=[()],
    ),
}


@pytest.mark.parametrize("name", HARMFUL)
def test_programs_are_loaded_only_if_trusted(tmp_path, name):
    path = write(tmp_path / "served", calling(HARMFUL[name]))
    op = name.split()[0]
    with pytest.raises(ValueError, match=f"--trust. Received:.*{op}") as error:
        load_saved_model(path)
    assert "\n" not in str(error.value)
    assert not os.path.exists(WRITTEN)


def test_a_trusted_program_is_loaded(tmp_path, images):
    path = write(tmp_path / "served", calling(HARMFUL["ReadFile"]))
    logits = load_saved_model(path, trust=True)(images)
    np.testing.assert_allclose(logits, brightness(images), rtol=1e-6)


def edited(path, edit):
    """Changes the protocol buffer of a SavedModel."""
    file = path / "saved_model.pb"
    message = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(message.meta_graphs[0])
    file.write_bytes(message.SerializeToString())
    return path


def test_saving_may_not_hide_behind_the_loader(tmp_path):
    """A function that saves is not the loader's if predicting calls it."""
    path = write(tmp_path / "served", calling(HARMFUL["SaveV2"]))

    def claim(meta_graph):
        signature = meta_graph.signature_def["serving_default"]
        (output,) = signature.outputs.values()
        meta_graph.saver_def.restore_op_name = output.name.partition(":")[0]

    with pytest.raises(ValueError, match="Received:.* SaveV2"):
        load_saved_model(edited(path, claim))

    def forget(meta_graph):
        """The signature is now one of the objects' alone."""
        claim(meta_graph)
        meta_graph.signature_def.clear()

    with pytest.raises(ValueError, match="Received:.* SaveV2"):
        load_saved_model(edited(path, forget))


def test_functions_that_nothing_calls_are_read_too(tmp_path):
    path = write(tmp_path / "served", brightness)

    def add(meta_graph):
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = "unused"
        function.node_def.add(name="x", op="\x1b[31mWriteFile\n")

    with pytest.raises(ValueError, match="x1b.31mWriteFile") as error:
        check_harmless(edited(path, add))
    assert str(error.value).isprintable()


def test_all_ops_that_are_not_known_are_named(tmp_path):
    path = write(tmp_path / "served", brightness)
    ops = ["Batch", "MlirPassthroughOp", "PyFuncStateless", "RandomDataset"]
    ops += ["ReaderRead", "RemoteCall", "SymbolicGradient", "_Recv"]

    def add(meta_graph):
        for op in ops:
            meta_graph.graph_def.node.add(name=op, op=op)

    with pytest.raises(ValueError, match=f"the ops {', '.join(ops)}$"):
        check_harmless(edited(path, add))


def test_functions_named_like_an_op_are_not_taken_for_harmless(tmp_path):
    path = write(tmp_path / "served", calling(HARMFUL["ReadFile"]))

    def disguise(meta_graph):
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = "ReadFile"

    with pytest.raises(ValueError, match="Received: the ops ReadFile"):
        check_harmless(edited(path, disguise))


class Table(tf.Module):
    """Has variables, a table in memory and state."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(2.0)
        self.calls = tf.Variable(0, dtype=tf.int64)
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer([0, 1], [1.0, 3.0]), 0.0
        )

    @tf.function(input_signature=[tf.TensorSpec((None, *SHAPE), name="images")])
    def predict(self, images):
        self.calls.assign_add(1)
        return (
            self.scale * self.table.lookup(tf.constant(1)) * brightness(images)
        )


def test_state_in_memory_is_harmless(tmp_path, images):
    module = Table()
    tf.saved_model.save(
        module,
        str(tmp_path / "a"),
        signatures={"serving_default": module.predict},
    )
    np.testing.assert_allclose(
        load_saved_model(tmp_path / "a")(images),
        6 * brightness(images),
        rtol=1e-6,
    )


def write_version_1(path):
    """Writes twice the brightness as TensorFlow 1 did, with a saver."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = v1.placeholder(tf.float32, (None, *SHAPE))
        scale = v1.get_variable("scale", initializer=2.0)
        outputs = scale * brightness(inputs)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(
            session, str(path), {"images": inputs}, {"z": outputs}
        )
    return path


def test_graphs_of_tensorflow_1_are_harmless(tmp_path, images):
    write_version_1(tmp_path / "a")
    np.testing.assert_allclose(
        load_saved_model(tmp_path / "a")(images),
        2 * brightness(images),
        rtol=1e-6,
    )


def save_when_restoring(meta_graph):
    """Python runs the restoring op as it loads."""
    restore = meta_graph.saver_def.restore_op_name
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    nodes[restore].input.append("^save/SaveV2")


def save_when_initializing(meta_graph):
    main = meta_graph.collection_def["saved_model_main_op"]
    main.node_list.value.append("save/SaveV2")


def save_as_a_variables_initializer(meta_graph):
    variable = variable_pb2.VariableDef(
        variable_name="scale:0", initializer_name="save/SaveV2"
    )
    local = meta_graph.collection_def["local_variables"]
    local.bytes_list.value.append(variable.SerializeToString())


def save_in_a_sparse_output(meta_graph):
    signature = meta_graph.signature_def["serving_default"]
    sparse = signature.outputs["other"].coo_sparse
    sparse.values_tensor_name = meta_graph.saver_def.save_tensor_name


def restore_from_elsewhere(meta_graph):
    (node,) = (
        node for node in meta_graph.graph_def.node if node.op == "RestoreV2"
    )
    node.input[0] = "save/RestoreV2/shape_and_slices"


@pytest.mark.parametrize(
    ("edit", "op"),
    [
        (save_when_restoring, "SaveV2"),
        (save_when_initializing, "SaveV2"),
        (save_as_a_variables_initializer, "SaveV2"),
        (save_in_a_sparse_output, "SaveV2"),
        (restore_from_elsewhere, "RestoreV2"),
    ],
)
def test_the_saver_of_tensorflow_1_has_no_other_use(tmp_path, edit, op):
    path = write_version_1(tmp_path / "a")
    check_harmless(path)
    with pytest.raises(ValueError, match=f"Received: the ops .*{op}"):
        check_harmless(edited(path, edit))


def test_common_layers_of_keras_are_harmless(tmp_path):
    """Networks of other kinds load as before, with all their ops."""
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = layers.RandomFlip()(layers.Resizing(9, 9)(x))
    x = layers.SeparableConv2D(4, 3, activation="gelu")(x)
    x = layers.BatchNormalization()(layers.Conv2DTranspose(4, 3)(x))
    x = layers.LayerNormalization()(layers.GroupNormalization(2)(x))
    x = layers.MaxPooling2D(2)(layers.ZeroPadding2D()(x))
    x = layers.UpSampling2D(interpolation="bilinear")(layers.ReLU(6.0)(x))
    x = layers.AveragePooling2D(2)(layers.Activation("silu")(x))
    x = layers.Reshape((-1, 4))(layers.SpatialDropout2D(0.2)(x))
    x = layers.MultiHeadAttention(2, 2)(x, x) + layers.PReLU()(x)
    x = layers.Concatenate()([x, layers.LSTM(2, return_sequences=True)(x)])
    x = layers.GlobalMaxPooling1D()(layers.UnitNormalization()(x))
    model = keras.Model(inputs, layers.Dense(3, "softmax")(x))
    model.export(tmp_path / "a", verbose=False)
    check_harmless(tmp_path / "a")


def test_pictures_as_input_are_harmless(tmp_path, linear):
    """Of every signature that the zoo writes, and with each check."""
    exports.save(
        linear.keras, tmp_path / "a", classes=["a", "b", "c"], check_pixels=True
    )
    check_harmless(tmp_path / "a")


@pytest.mark.parametrize("damage", ["child", "identifier"])
def test_damaged_object_graphs_are_told(tmp_path, damage):
    path = write(tmp_path / "model", brightness)
    saved = saved_model_pb2.SavedModel.FromString(
        (path / "saved_model.pb").read_bytes()
    )
    nodes = saved.meta_graphs[0].object_graph_def.nodes
    if damage == "child":
        nodes[0].children[0].node_id = 10**6
    else:
        for node in nodes:
            if node.HasField("user_object"):
                node.user_object.identifier = "trackable_dict_wrapper"
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(ValueError, match=f"{path} is not a SavedModel that"):
        load_saved_model(path)


def test_enormous_images_are_refused(tmp_path):
    path = write(tmp_path / "model", brightness, spec=(None, None, None, 3))
    with pytest.raises(ValueError, match="at most 16,777,216 pixels"):
        load_saved_model(path, image_size=(12000, 12000))
