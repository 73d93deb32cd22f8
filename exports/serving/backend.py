"""What a client asks of a protocol, and what it gets."""

import dataclasses
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from zoo.exports.serving.calls import Deadline
from zoo.exports.serving.calls import ServingError


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
        values: Nested lists of numbers or of strings.
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
        return np.array(values, tensor.dtype)
    except (AttributeError, OverflowError, TypeError, ValueError) as error:
        raise ServingError(
            f"The output `{name}` must be an array of {tensor.dtype}. "
            f"Received: {error}"
        ) from error
