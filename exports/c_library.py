"""The part of TensorFlow's C API that running a SavedModel takes."""

import ctypes
import functools
import pathlib
import sys

import tensorflow as tf

_LIBRARIES = {
    "linux": "libtensorflow_cc.so.2",
    "darwin": "libtensorflow_cc.2.dylib",
}


class Buffer(ctypes.Structure):
    """`TF_Buffer`: bytes with their owner."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("data_deallocator", ctypes.c_void_p),
    ]


class Output(ctypes.Structure):
    """`TF_Output`: one output of an operation."""

    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


@functools.cache
def c_library() -> ctypes.CDLL:
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
    text, buffer = ctypes.c_char_p, ctypes.POINTER(Buffer)
    outputs = ctypes.POINTER(Output)
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
