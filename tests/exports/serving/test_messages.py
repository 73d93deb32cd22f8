"""The client's messages against those of the servers' own packages."""

import importlib

import pytest

from zoo.exports.serving.messages import messages

ORIGINALS = {
    "Dim": "tensorflow.core.framework.tensor_shape_pb2:TensorShapeProto.Dim",
    "TensorShape": "tensorflow.core.framework.tensor_shape_pb2"
    ":TensorShapeProto",
    "Tensor": "tensorflow.core.framework.tensor_pb2:TensorProto",
    "TensorInfo": "tensorflow.core.protobuf.meta_graph_pb2:TensorInfo",
    "SignatureDef": "tensorflow.core.protobuf.meta_graph_pb2:SignatureDef",
    "Int64Value": "google.protobuf.wrappers_pb2:Int64Value",
    "Any": "google.protobuf.any_pb2:Any",
    "ModelSpec": "tensorflow_serving.apis.model_pb2:ModelSpec",
    "PredictRequest": "tensorflow_serving.apis.predict_pb2:PredictRequest",
    "PredictResponse": "tensorflow_serving.apis.predict_pb2:PredictResponse",
    "ModelVersionStatus": "tensorflow_serving.apis.get_model_status_pb2"
    ":ModelVersionStatus",
    **{
        name: f"tensorflow_serving.apis.get_model_metadata_pb2:{name}"
        for name in (
            "SignatureDefMap",
            "GetModelMetadataRequest",
            "GetModelMetadataResponse",
        )
    },
    **{
        name: f"tensorflow_serving.apis.get_model_status_pb2:{name}"
        for name in ("GetModelStatusRequest", "GetModelStatusResponse")
    },
    "InferTensorContents": "tritonclient.grpc.service_pb2:InferTensorContents",
    "InferTensor": "tritonclient.grpc.service_pb2"
    ":ModelInferRequest.InferInputTensor",
    "TensorMetadata": "tritonclient.grpc.service_pb2"
    ":ModelMetadataResponse.TensorMetadata",
    **{
        name: f"tritonclient.grpc.service_pb2:{name}"
        for name in (
            "ModelInferRequest",
            "ModelInferResponse",
            "ModelMetadataRequest",
            "ModelMetadataResponse",
        )
    },
}


def test_all_are_compared():
    assert ORIGINALS.keys() == vars(messages()).keys()


@pytest.mark.parametrize("name", ORIGINALS)
def test_fields_are_the_originals(name):
    module, _, path = ORIGINALS[name].partition(":")
    pytest.importorskip(module.split(".")[0])
    original = importlib.import_module(module)
    for part in path.split("."):
        original = getattr(original, part)
    check_fields(getattr(messages(), name).DESCRIPTOR, original.DESCRIPTOR)


def check_fields(ours, original):
    for field in ours.fields:
        same = original.fields_by_name[field.name]
        assert same.number == field.number, field.name
        assert same.is_repeated == field.is_repeated, field.name
        # Enumerations are read as the whole numbers that they are sent as.
        enum = same.type == same.TYPE_ENUM
        kind = same.TYPE_INT32 if enum else same.type
        assert kind == field.type, field.name
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            assert same.message_type.GetOptions().map_entry
            check_fields(entry, same.message_type)
