"""What is said of a model that a format cannot hold."""

import pathlib
import re
from collections.abc import Iterator
from typing import Any

import keras

_LETTERS = 300
_UNKNOWN = (
    r"No conversion rule found for operations: ([\w, ]+?)(?=\s+To |\s*$)",
    r"-- (\w+) with a message",
    r"'tf\.(\w+)' op is neither a custom op",
    r"\(Flex(\w+)\) failed to prepare",
)
"""Where OpenVINO and LiteRT name ops that they have not."""


class UnknownOpsError(Exception):
    """A converter left ops as they are, for want of others; holds their names.

    Args:
        ops: Their names.
    """

    def __init__(self, ops: list[str]):
        super().__init__(", ".join(ops))
        self.ops = ops


def check_onnx(model: Any) -> None:
    """Raises an `UnknownOpsError` if a `ModelProto` has ops that ONNX has not.

    The converter only logs them.
    """
    import onnx

    ops = {
        node.op_type
        for node in onnx_nodes(model)
        if node.domain in ("", "ai.onnx") and not onnx.defs.has(node.op_type)
    }
    if ops:
        raise UnknownOpsError(sorted(ops))


def onnx_nodes(model: Any) -> Iterator:
    """Yields the nodes of a `ModelProto`: its own, of loops and branches."""
    for body in (model.graph, *model.functions):
        yield from _nodes_within(body)


def _nodes_within(body) -> Iterator:
    for node in body.node:
        for attribute in node.attribute:
            # That which an attribute does not hold is empty.
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes_within(inner)
        yield node


def refusal(
    model: keras.Model, format: str, error: Exception, folder: pathlib.Path
) -> ValueError:
    """Returns an error of one line, that names the ops if there are any.

    Args:
        model: What was converted.
        format: Name of the format.
        error: What the converter or the runtime raised.
        folder: Where it wrote, which the line leaves out: it is gone by then.
    """
    text = str(error)
    ops = error.ops if isinstance(error, UnknownOpsError) else _unknown(text)
    if ops:
        reason = f"it has no {', '.join(ops)}"
        advice = " Write that by other ops, or take another format."
    else:
        text = text.replace(f"{folder}/", "")
        reason, advice = " ".join(text.split())[:_LETTERS], ""
    return ValueError(
        f"A model must be one that {format} can hold ({reason}).{advice} "
        f"Received: {model.name}"
    )


def _unknown(text: str) -> list[str]:
    found = [
        name
        for pattern in _UNKNOWN
        for names in re.findall(pattern, text)
        for name in names.split(", ")
    ]
    return sorted(set(found))
