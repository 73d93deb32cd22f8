"""MLServer's runtime of an export, which runs in the C++ loader."""

import numpy as np
import tensorflow as tf
from mlserver import MLModel
from mlserver.codecs import Base64Codec
from mlserver.codecs import NumpyCodec
from mlserver.codecs import StringCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceResponse

from zoo.exports import SavedModelSession


def decoded(tensor):
    if tensor.datatype != "BYTES":
        return NumpyCodec.decode_input(tensor)
    content = tensor.parameters and tensor.parameters.content_type
    files = (
        Base64Codec.decode_input(tensor)
        if content == "base64"
        else list(tensor.data.root)
    )
    value = np.empty(len(files), object)
    value[:] = files
    return value


class ExportRuntime(MLModel):
    async def load(self):
        self.session = SavedModelSession(self.settings.parameters.uri)
        return True

    async def unload(self):
        self.session.close()
        return True

    async def predict(self, payload):
        inputs = {one.name: decoded(one) for one in payload.inputs}
        usual = "serving_bytes" if "image_bytes" in inputs else None
        extra = self.settings.parameters.extra or {}
        signature = extra.get("signature") or usual or "serving_default"
        try:
            outputs = self.session.run(signature, inputs)
        except tf.errors.OpError as error:
            raise InferenceError(error.message) from error
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output(key, [one.decode() for one in output])
                if output.dtype == object
                else NumpyCodec.encode_output(key, output)
                for key, output in outputs.items()
            ],
        )
