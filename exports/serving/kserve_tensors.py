"""Tensors of KServe's Open Inference Protocol, v2.

Reference: [Open Inference Protocol](
https://github.com/kserve/open-inference-protocol)
"""

from collections.abc import Iterable

import numpy as np

from zoo.exports.serving.backend import Tensor
from zoo.exports.serving.backend import shaped
from zoo.exports.serving.calls import ServingError

DATATYPES = {
    "FP32": "float32",
    "FP64": "float64",
    "INT32": "int32",
    "INT64": "int64",
    "BOOL": "bool",
    "BYTES": "bytes",
}
"""KServe's types by NumPy's names."""

_LENGTH = 4
"""Bytes in front of a packed string: its length, the smallest byte first."""


def tensor_of(datatype: str, shape: Iterable) -> Tensor:
    """Returns what KServe's metadata say of a tensor."""
    return Tensor(
        DATATYPES.get(datatype, datatype),
        tuple(None if int(n) < 0 else int(n) for n in shape),
    )


def datatype_of(array: np.ndarray) -> str:
    """Returns KServe's name of an array's type."""
    name = "bytes" if array.dtype == object else array.dtype.name
    return next(key for key, value in DATATYPES.items() if value == name)


def to_raw(array: np.ndarray) -> bytes:
    """Returns an array's bytes as the protocol packs them."""
    if array.dtype != object:
        return array.astype(array.dtype.newbyteorder("<")).tobytes()
    return b"".join(
        len(string).to_bytes(_LENGTH, "little") + string
        for string in array.ravel()
    )


def from_raw(raw: bytes, tensor: Tensor, name: str) -> np.ndarray:
    """Returns the flat array of an output that `to_raw` packed.

    Raises:
        ServingError: If the bytes are no such array.
    """
    if tensor.dtype != "bytes":
        kind = np.dtype(tensor.dtype).newbyteorder("<")
        if len(raw) % kind.itemsize:
            raise ServingError(
                f"The output `{name}` must hold whole numbers of "
                f"{kind.itemsize} bytes. Received: {len(raw)} bytes"
            )
        return np.frombuffer(raw, kind).astype(tensor.dtype)
    strings, place = [], 0
    while place < len(raw):
        start = place + _LENGTH
        place = start + int.from_bytes(raw[place:start], "little")
        strings.append(raw[start:place])
    if place != len(raw):
        raise ServingError(
            f"The output `{name}` must end with its last string. "
            f"Received: {len(raw)} bytes of {place}"
        )
    return shaped(strings, tensor, name)


def named_once(
    outputs: Iterable[tuple[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Returns outputs by name.

    Raises:
        ServingError: If two have one name.
    """
    named = {}
    for name, output in outputs:
        if name in named:
            raise ServingError(
                "The answer must hold each output once. "
                f"Received: `{name}` twice"
            )
        named[name] = output
    return named
