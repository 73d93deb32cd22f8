"""TensorFlow's C API: SavedModels as a C++ server runs them."""

import ctypes
import functools
import os
import pathlib
import sys
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_LIBRARIES = {
    "linux": "libtensorflow_cc.so.2",
    "darwin": "libtensorflow_cc.2.dylib",
}
_STRING = tf.string.as_datatype_enum
_STRING_SIZE = 24  # sizeof(TF_TString)


class SavedModelSession:
    """A SavedModel in a C++ session, without Keras or Python functions.

    `TF_LoadSessionFromSavedModel` is the C++ loader behind TensorFlow
    Serving: it reads the directory, restores the variables and runs
    signatures. Calls may come from several threads.

    Args:
        path: Directory of a SavedModel, the version included.
        tags: Tags of the graph to load.
        config: Options of the session, such as numbers of threads.

    Example:

    >>> with SavedModelSession("served/irm_wrn28_10/1") as session:
    ...     outputs = session.run("serving_default", {"image": images})
    >>> outputs["probabilities"]

    Raises:
        tf.errors.OpError: If the SavedModel cannot be loaded.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        tags: Sequence[str] = ("serve",),
        config: tf.compat.v1.ConfigProto | None = None,
    ):
        self._api = _c_library()
        self._session = None
        self._graph = self._api.TF_NewGraph()
        options = self._api.TF_NewSessionOptions()
        meta_graph = self._api.TF_NewBuffer()
        try:
            if config is not None:
                serialised = config.SerializeToString()
                self._check(
                    self._api.TF_SetConfig,
                    options,
                    serialised,
                    len(serialised),
                )
            self._session = self._check(
                self._api.TF_LoadSessionFromSavedModel,
                options,
                None,
                os.fsencode(path),
                (ctypes.c_char_p * len(tags))(*(t.encode() for t in tags)),
                len(tags),
                self._graph,
                meta_graph,
            )
            loaded = tf.compat.v1.MetaGraphDef.FromString(
                ctypes.string_at(
                    meta_graph.contents.data, meta_graph.contents.length
                )
            )
            self._signatures = {
                name: (self._endpoints(s.inputs), self._endpoints(s.outputs))
                for name, s in loaded.signature_def.items()
                if not name.startswith("__")
            }
        except BaseException:
            self.close()
            raise
        finally:
            self._api.TF_DeleteBuffer(meta_graph)
            self._api.TF_DeleteSessionOptions(options)

    @property
    def signatures(self) -> dict[str, dict[str, dict[str, tf.TensorSpec]]]:
        """For each signature its `inputs` and `outputs` by name."""
        return {
            name: {
                side: {key: spec for key, (spec, _) in endpoints.items()}
                for side, endpoints in zip(
                    ("inputs", "outputs"), sides, strict=True
                )
            }
            for name, sides in self._signatures.items()
        }

    def run(
        self, signature: str, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            inputs: An array for each input; strings are arrays of `bytes`.

        Returns:
            An array for each output.

        Raises:
            tf.errors.OpError: If the graph fails.
            ValueError: If the signature or its inputs do not exist, or if
                the session is closed.
        """
        if self._session is None:
            raise ValueError("The session must be open. Received: closed=True")
        if signature not in self._signatures:
            raise ValueError(
                f"`signature` must be one of {sorted(self._signatures)}. "
                f"Received: signature={signature!r}"
            )
        sources, targets = self._signatures[signature]
        if inputs.keys() != sources.keys():
            raise ValueError(
                f"`inputs` must be {sorted(sources)}. "
                f"Received: inputs={sorted(inputs)}"
            )
        api = self._api
        fed = []
        fetched = (ctypes.c_void_p * len(targets))()
        try:
            for key, (spec, _) in sources.items():
                fed.append(_to_tensor(api, inputs[key], spec.dtype))
            self._check(
                api.TF_SessionRun,
                self._session,
                None,
                (_Output * len(fed))(*(s[1] for s in sources.values())),
                (ctypes.c_void_p * len(fed))(*fed),
                len(fed),
                (_Output * len(targets))(*(t[1] for t in targets.values())),
                fetched,
                len(targets),
                None,
                0,
                None,
            )
            return {
                key: _to_array(api, tensor)
                for key, tensor in zip(targets, fetched, strict=True)
            }
        finally:
            for tensor in fed:
                _free_strings(api, tensor)
            for tensor in (*fed, *filter(None, fetched)):
                api.TF_DeleteTensor(tensor)

    def close(self) -> None:
        """Frees the session; it cannot run any more."""
        session, self._session = self._session, None
        graph, self._graph = self._graph, None
        if session is not None:
            self._check(self._api.TF_CloseSession, session)
            self._check(self._api.TF_DeleteSession, session)
        if graph is not None:
            self._api.TF_DeleteGraph(graph)

    def __enter__(self) -> "SavedModelSession":
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _check(self, function, *arguments):
        status = self._api.TF_NewStatus()
        try:
            result = function(*arguments, status)
            code = self._api.TF_GetCode(status)
            message = self._api.TF_Message(status).decode(errors="replace")
        finally:
            self._api.TF_DeleteStatus(status)
        if code:
            error = tf.compat.v1.errors.exception_type_from_error_code(code)
            raise error(None, None, message)
        return result

    def _endpoints(self, tensors) -> dict:
        endpoints = {}
        for key, info in tensors.items():
            name, _, index = info.name.rpartition(":")
            operation = self._api.TF_GraphOperationByName(
                self._graph, name.encode()
            )
            if operation is None:
                raise ValueError(
                    "Signatures must name tensors of the graph. "
                    f"Received: {key}={info.name!r}"
                )
            spec = tf.TensorSpec(
                tf.TensorShape(info.tensor_shape), info.dtype, name=key
            )
            endpoints[key] = (spec, _Output(operation, int(index)))
        return endpoints


class _Buffer(ctypes.Structure):
    """`TF_Buffer`: bytes with their owner."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("data_deallocator", ctypes.c_void_p),
    ]


class _Output(ctypes.Structure):
    """`TF_Output`: one output of an operation."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


@functools.cache
def _c_library() -> ctypes.CDLL:
    """Loads the C API; `import tensorflow` has it in memory already.

    Raises:
        RuntimeError: If this TensorFlow has no such library.
    """
    name = _LIBRARIES.get(sys.platform)
    path = pathlib.Path(tf.sysconfig.get_lib(), str(name))
    if not path.exists():
        raise RuntimeError(
            "TensorFlow must ship its C++ library, as it does for Linux and "
            f"macOS. Received: platform={sys.platform}"
        )
    library = ctypes.CDLL(str(path), ctypes.RTLD_GLOBAL)
    pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
    text, buffer = ctypes.c_char_p, ctypes.POINTER(_Buffer)
    outputs = ctypes.POINTER(_Output)
    pointers = ctypes.POINTER(pointer)
    signatures = {
        "TF_NewStatus": (pointer, []),
        "TF_DeleteStatus": (None, [pointer]),
        "TF_GetCode": (number, [pointer]),
        "TF_Message": (text, [pointer]),
        "TF_NewBuffer": (buffer, []),
        "TF_DeleteBuffer": (None, [buffer]),
        "TF_NewGraph": (pointer, []),
        "TF_DeleteGraph": (None, [pointer]),
        "TF_NewSessionOptions": (pointer, []),
        "TF_DeleteSessionOptions": (None, [pointer]),
        "TF_SetConfig": (None, [pointer, text, size, pointer]),
        "TF_LoadSessionFromSavedModel": (
            pointer,
            [pointer, buffer, text, ctypes.POINTER(text), number]
            + [pointer, buffer, pointer],
        ),
        "TF_CloseSession": (None, [pointer, pointer]),
        "TF_DeleteSession": (None, [pointer, pointer]),
        "TF_GraphOperationByName": (pointer, [pointer, text]),
        "TF_SessionRun": (
            None,
            [pointer, buffer, outputs, pointers, number, outputs, pointers]
            + [number, pointers, number, buffer, pointer],
        ),
        "TF_AllocateTensor": (
            pointer,
            [number, ctypes.POINTER(ctypes.c_int64), number, size],
        ),
        "TF_DeleteTensor": (None, [pointer]),
        "TF_TensorType": (number, [pointer]),
        "TF_TensorData": (pointer, [pointer]),
        "TF_TensorElementCount": (ctypes.c_int64, [pointer]),
        "TF_NumDims": (number, [pointer]),
        "TF_Dim": (ctypes.c_int64, [pointer, number]),
        "TF_StringInit": (None, [pointer]),
        "TF_StringCopy": (None, [pointer, text, size]),
        "TF_StringDealloc": (None, [pointer]),
        "TF_StringGetDataPointer": (pointer, [pointer]),
        "TF_StringGetSize": (size, [pointer]),
    }
    for function, (result, arguments) in signatures.items():
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


def _to_tensor(api, array, dtype: tf.DType) -> int:
    """Copies an array into a new `TF_Tensor`."""
    strings = dtype == tf.string
    # NumPy's own type for bytes would drop trailing zeros.
    array = np.asarray(array, object if strings else dtype.as_numpy_dtype)
    array = np.ascontiguousarray(array).reshape(array.shape)
    if strings and not all(isinstance(v, bytes) for v in array.flat):
        raise ValueError("Strings must be `bytes`. Received: another type")
    size = array.size * _STRING_SIZE if strings else array.nbytes
    tensor = api.TF_AllocateTensor(
        dtype.as_datatype_enum,
        (ctypes.c_int64 * array.ndim)(*array.shape),
        array.ndim,
        size,
    )
    data = api.TF_TensorData(tensor)
    if not strings:
        ctypes.memmove(data, array.ctypes.data, size)
        return tensor
    for index, value in enumerate(array.ravel().tolist()):
        target = data + index * _STRING_SIZE
        api.TF_StringInit(target)
        api.TF_StringCopy(target, value, len(value))
    return tensor


def _to_array(api, tensor: int) -> np.ndarray:
    """Copies a `TF_Tensor` into a new array."""
    shape = [api.TF_Dim(tensor, axis) for axis in range(api.TF_NumDims(tensor))]
    data = api.TF_TensorData(tensor)
    dtype = api.TF_TensorType(tensor)
    if dtype != _STRING:
        array = np.empty(shape, tf.as_dtype(dtype).as_numpy_dtype)
        ctypes.memmove(array.ctypes.data, data, array.nbytes)
        return array
    array = np.empty(shape, object)
    for index in range(array.size):
        source = data + index * _STRING_SIZE
        array.flat[index] = ctypes.string_at(
            api.TF_StringGetDataPointer(source), api.TF_StringGetSize(source)
        )
    return array


def _free_strings(api, tensor: int) -> None:
    """Frees what strings that `_to_tensor` made hold outside the tensor."""
    if api.TF_TensorType(tensor) == _STRING:
        data = api.TF_TensorData(tensor)
        for index in range(api.TF_TensorElementCount(tensor)):
            api.TF_StringDealloc(data + index * _STRING_SIZE)
