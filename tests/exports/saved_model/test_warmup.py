import base64
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from tensorflow.core.framework import tensor_pb2

from zoo import exports
from zoo.exports.saved_model.warmup import REQUEST_FILE
from zoo.exports.saved_model.warmup import WARMUP_FILE
from zoo.exports.saved_model.warmup import write_request
from zoo.exports.saved_model.warmup import write_warmup

# The fields used, as the .proto files of tensorflow/serving number them.
FIELDS = {
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "InputsEntry": [
        ("key", 1, "string"),
        ("value", 2, "tensorflow.TensorProto"),
    ],
    "PredictRequest": [
        ("model_spec", 1, "serving.ModelSpec"),
        ("inputs", 2, "serving.InputsEntry"),
    ],
    "PredictLog": [("request", 1, "serving.PredictRequest")],
    "PredictionLog": [("predict_log", 6, "serving.PredictLog")],
}


def prediction_log_class():
    """Builds the message class from `FIELDS`, without TensorFlow Serving."""
    field = descriptor_pb2.FieldDescriptorProto
    tensor_file = tensor_pb2.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="serving_subset.proto",
        package="serving",
        syntax="proto3",
        dependency=[tensor_file.name],
    )
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for key, number, kind in fields:
            message.field.add(
                name=key,
                number=number,
                label=field.LABEL_REPEATED
                if key == "inputs"
                else field.LABEL_OPTIONAL,
                type=field.TYPE_STRING
                if kind == "string"
                else field.TYPE_MESSAGE,
                type_name=None if kind == "string" else f".{kind}",
            )
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("serving.PredictionLog")
    )


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    model = keras.Sequential(
        [
            keras.Input((12, 8, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2),
        ]
    )
    path = tmp_path_factory.mktemp("served") / "tiny"
    return exports.save(model, path).path


def records(path):
    return [record.numpy() for record in tf.data.TFRecordDataset(str(path))]


def test_warmup_replays(export):
    """Each record names a signature and inputs that it takes."""
    prediction_log = prediction_log_class()
    signatures = []
    with exports.SavedModelSession(export) as session:
        for record in records(export / WARMUP_FILE):
            message = prediction_log.FromString(record)
            request = message.predict_log.request
            assert request.model_spec.name == "tiny"
            signature = request.model_spec.signature_name
            inputs = {
                entry.key: tf.make_ndarray(entry.value)
                for entry in request.inputs
            }
            outputs = session.run(signature, inputs)
            assert outputs["logits"].shape == (1, 2)
            signatures.append(signature)
    assert signatures == ["serving_default", "serving_bytes"]


def test_warmup_equals_tensorflow_serving_api(tmp_path):
    predict_pb2 = pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    log_pb2 = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    image = np.random.default_rng(0).random((1, 30, 30, 3), "float32")
    write_warmup(tmp_path, "m", {"serving_default": {"image": image}})
    (record,) = records(tmp_path / WARMUP_FILE)
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "m"
    request.model_spec.signature_name = "serving_default"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image))
    expected = log_pb2.PredictionLog(
        predict_log=log_pb2.PredictLog(request=request)
    )
    assert record == expected.SerializeToString()
    assert log_pb2.PredictionLog.FromString(record) == expected


def test_no_warmup(export, tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten()])
    report = exports.save(model, tmp_path / "m", warmup=False)
    assert not (report.path / WARMUP_FILE).exists()


def test_request_of_bytes(export):
    body = json.loads((export / REQUEST_FILE).read_text())
    assert body["signature_name"] == "serving_bytes"
    (instance,) = body["instances"]
    contents = base64.b64decode(instance["image_bytes"]["b64"])
    assert tf.io.decode_png(contents).shape == (12, 8, 3)


def test_request_of_pixels(tmp_path):
    image = np.linspace(0, 1, 24, dtype="float32").reshape(2, 2, 2, 3)
    write_request(tmp_path, "serving_default", {"image": image})
    body = json.loads((tmp_path / REQUEST_FILE).read_text())
    pixels = [instance["image"] for instance in body["instances"]]
    np.testing.assert_allclose(pixels, image, atol=1e-4)
