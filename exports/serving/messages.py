"""Messages of TensorFlow Serving and KServe v2, without TensorFlow.

The package `tensorflow-serving-api` imports all of TensorFlow, which takes
seconds and hundreds of megabytes. A client needs a few messages. They are
listed here with the numbers of their fields, and built by protobuf alone, in
a pool of their own. The tests compare each field with the original.
"""

import functools
from types import SimpleNamespace

from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory

_PACKAGE = "zoo"

_MESSAGES = {
    # tensorflow/core: tensor_shape.proto, tensor.proto, meta_graph.proto.
    "Dim": {"size": (1, "int64")},
    "TensorShape": {
        "dim": (2, "repeated Dim"),
        "unknown_rank": (3, "bool"),
    },
    "Tensor": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShape"),
        "tensor_content": (4, "bytes"),
        "float_val": (5, "repeated float"),
        "double_val": (6, "repeated double"),
        "int_val": (7, "repeated int32"),
        "string_val": (8, "repeated bytes"),
        "int64_val": (10, "repeated int64"),
        "bool_val": (11, "repeated bool"),
    },
    "TensorInfo": {
        "dtype": (2, "int32"),
        "tensor_shape": (3, "TensorShape"),
    },
    "SignatureDef": {
        "inputs": (1, "map TensorInfo"),
        "outputs": (2, "map TensorInfo"),
    },
    # tensorflow_serving/apis, and google/protobuf's any and wrappers.
    "Int64Value": {"value": (1, "int64")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "ModelSpec": {
        "name": (1, "string"),
        "version": (2, "Int64Value"),
        "signature_name": (3, "string"),
        "version_label": (4, "string"),
    },
    "PredictRequest": {
        "model_spec": (1, "ModelSpec"),
        "inputs": (2, "map Tensor"),
    },
    "PredictResponse": {
        "outputs": (1, "map Tensor"),
        "model_spec": (2, "ModelSpec"),
    },
    "SignatureDefMap": {"signature_def": (1, "map SignatureDef")},
    "GetModelMetadataRequest": {
        "model_spec": (1, "ModelSpec"),
        "metadata_field": (2, "repeated string"),
    },
    "GetModelMetadataResponse": {"metadata": (2, "map Any")},
    "GetModelStatusRequest": {"model_spec": (1, "ModelSpec")},
    "ModelVersionStatus": {"version": (1, "int64"), "state": (2, "int32")},
    "GetModelStatusResponse": {
        "model_version_status": (1, "repeated ModelVersionStatus"),
    },
    # KServe's grpc_predict_v2.proto.
    "InferTensorContents": {
        "bool_contents": (1, "repeated bool"),
        "int_contents": (2, "repeated int32"),
        "int64_contents": (3, "repeated int64"),
        "fp32_contents": (6, "repeated float"),
        "fp64_contents": (7, "repeated double"),
        "bytes_contents": (8, "repeated bytes"),
    },
    "InferTensor": {
        "name": (1, "string"),
        "datatype": (2, "string"),
        "shape": (3, "repeated int64"),
        "contents": (5, "InferTensorContents"),
    },
    "ModelInferRequest": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "inputs": (5, "repeated InferTensor"),
        "raw_input_contents": (7, "repeated bytes"),
    },
    "ModelInferResponse": {
        "model_name": (1, "string"),
        "model_version": (2, "string"),
        "outputs": (5, "repeated InferTensor"),
        "raw_output_contents": (6, "repeated bytes"),
    },
    "TensorMetadata": {
        "name": (1, "string"),
        "datatype": (2, "string"),
        "shape": (3, "repeated int64"),
    },
    "ModelMetadataRequest": {"name": (1, "string"), "version": (2, "string")},
    "ModelMetadataResponse": {
        "name": (1, "string"),
        "versions": (2, "repeated string"),
        "inputs": (4, "repeated TensorMetadata"),
        "outputs": (5, "repeated TensorMetadata"),
    },
}
"""For each message its fields: number and type. Enumerations are integers."""


@functools.cache
def messages() -> SimpleNamespace:
    """Returns the classes of all messages, by name."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return SimpleNamespace(
        **{
            name: message_factory.GetMessageClass(
                pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")
            )
            for name in _MESSAGES
        }
    )


def _add_field(message, name: str, number: int, kind: str) -> None:
    """Adds a field, and for a map the message of its entries."""
    rule, _, kind = kind.rpartition(" ")
    field = descriptor_pb2.FieldDescriptorProto
    if rule == "map":
        entry = f"{name.title().replace('_', '')}Entry"
        nested = message.nested_type.add(name=entry)
        nested.options.map_entry = True
        _add_field(nested, "key", 1, "string")
        _add_field(nested, "value", 2, kind)
        kind = f"{message.name}.{entry}"
    scalar = getattr(field, f"TYPE_{kind.upper()}", None)
    message.field.add(
        name=name,
        number=number,
        label=field.LABEL_REPEATED if rule else field.LABEL_OPTIONAL,
        type=field.TYPE_MESSAGE if scalar is None else scalar,
        type_name=f".{_PACKAGE}.{kind}" if scalar is None else None,
    )
