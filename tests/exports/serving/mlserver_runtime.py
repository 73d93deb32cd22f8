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


class ExportRuntime(MLModel):
    async def load(self):
        self.session = SavedModelSession(self.settings.parameters.uri)
        return True

    async def unload(self):
        self.session.close()
        return True

    async def predict(self, payload):
        (tensor,) = payload.inputs
        if tensor.name == "image":
            signature = "serving_default"
            value = NumpyCodec.decode_input(tensor)
        else:
            signature = "serving_bytes"
            content = tensor.parameters and tensor.parameters.content_type
            files = (
                Base64Codec.decode_input(tensor)
                if content == "base64"
                else list(tensor.data.root)
            )
            value = np.empty(len(files), object)
            value[:] = files
        try:
            outputs = self.session.run(signature, {tensor.name: value})
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
