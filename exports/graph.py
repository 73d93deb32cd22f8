"""The nodes of a TensorFlow graph."""

from collections.abc import Iterator

import tensorflow as tf


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
