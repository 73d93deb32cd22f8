"""The ops of a TensorFlow graph, and which of them have no GPU kernel."""

import collections
from collections.abc import Iterator

import tensorflow as tf
from tensorflow.python.framework import kernels

from zoo.exports.gpu_kernels import gpu_kernels


def cpu_only_ops(graph_def: tf.compat.v1.GraphDef) -> dict[str, int]:
    """Counts the ops that have no GPU kernel for the types they are used on.

    At each of them a server with a GPU waits for the CPU, and copies there
    and back. Ops on strings are left out: strings are in the host's memory
    anyway. Kernels are looked up, not run, so arguments that one wants in
    the host's memory are not noticed.

    Args:
        graph_def: A graph with the functions that it calls.

    Returns:
        Numbers of nodes by op, in alphabetical order; empty if all of the
        graph can run on a GPU.
    """
    functions = {f.signature.name for f in graph_def.library.function}
    counts = collections.Counter(
        node.op
        for node in reachable_nodes(graph_def)
        if node.op not in functions
        and not _holds_strings(node)
        and not _has_gpu_kernel(node)
    )
    return dict(sorted(counts.items()))


def reachable_nodes(
    graph_def: tf.compat.v1.GraphDef,
) -> Iterator[tf.compat.v1.NodeDef]:
    """Yields the nodes of a graph and of every function it can call.

    Functions of the library that nothing calls are left out.
    """
    functions = {f.signature.name: f for f in graph_def.library.function}
    pending = list(graph_def.node)
    while pending:
        node = pending.pop()
        yield node
        called = {node.op}
        for attribute in node.attr.values():
            called.add(attribute.func.name)
            called.update(f.name for f in attribute.list.func)
        for name in called & functions.keys():
            pending.extend(functions.pop(name).node_def)


def _has_gpu_kernel(node) -> bool:
    accepted = gpu_kernels().get(node.op)
    if accepted is None:
        # Ops such as `_Arg` that the runtime replaces have no kernel at all.
        return not kernels.get_registered_kernels_for_op(node.op).kernel
    return any(
        all(
            attribute not in node.attr
            # Zero is an attribute that holds no single type.
            or node.attr[attribute].type in (0, *types)
            for attribute, types in constraints.items()
        )
        for constraints in accepted
    )


def _holds_strings(node) -> bool:
    return any(
        value.type == tf.string.as_datatype_enum for value in node.attr.values()
    )
