"""What a client asks of a protocol, and what it gets."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from zoo.exports.serving.address import Address
from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError

_KINDS = {"f": "fiu", "i": "iu", "b": "b"}
"""Kinds of NumPy's types that an output of a kind may be read from."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output of a served model.

    Args:
        dtype: NumPy's name of the type; `"bytes"` for strings.
        shape: Sizes, `None` where any will do.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True)
class Signature:
    """A function of a served model: its inputs and outputs by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


class Backend(Protocol):
    """A served model behind one protocol. Calls may come from threads.

    Each method raises a `ServingError`.
    """

    def signatures(self, deadline: Deadline) -> dict[str, Signature]:
        """Returns what the model offers. KServe's models have one, `""`."""

    def versions(self, deadline: Deadline) -> dict[str, str]:
        """Returns the states of the versions, `"AVAILABLE"` if served.

        No version need be there, and the one asked for plays no part.
        """

    def run(
        self,
        name: str,
        signature: Signature,
        inputs: Mapping[str, np.ndarray],
        deadline: Deadline,
    ) -> dict[str, np.ndarray]:
        """Runs a signature; strings are arrays of `bytes`."""

    def close(self) -> None:
        """Closes the connections."""


def shaped(values: object, tensor: Tensor, name: str) -> np.ndarray:
    """Returns an output as an array of its type.

    Args:
        values: Nested lists of numbers or of strings. Text or booleans are
            no numbers, and fractions no integers.
        tensor: What the model says of the output.
        name: The output's.

    Raises:
        ServingError: If the values don't fit.
    """
    try:
        if tensor.dtype == "bytes":
            array = np.array(values, object)
            flat = [
                value if isinstance(value, bytes) else value.encode()
                for value in array.flat
            ]
            encoded = np.empty(array.shape, object)
            encoded.flat = flat
            return encoded
        array = np.array(values)
        wanted = np.dtype(tensor.dtype)
        if array.size and array.dtype.kind not in _KINDS[wanted.kind]:
            raise TypeError(f"values such as {array.flat[0]!r:.40}")
        return array.astype(wanted)
    except (
        AttributeError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
    ) as error:
        raise ServingError(
            f"The output `{name}` must be an array of {tensor.dtype}. "
            f"Received: {error}"
        ) from error


def check_answered(address: Address, model: object, version: object) -> None:
    """Raises an error if another model or version has answered.

    Args:
        address: Of the model that was asked.
        model: Name that the answer gives; nothing if it gives none.
        version: The same of the version.

    Raises:
        ServingError: If it is another.
    """
    version = None if version is None else str(version)
    other = model and model != address.model
    if other or (version and address.version not in (None, version)):
        raise ServingError(
            f"The answer must be of {address}. Received: one of "
            f"model={model!r}, version={version!r}"
        )
