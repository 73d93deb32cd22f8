"""Which ops TensorFlow can place on a GPU.

A build with CUDA knows; for other builds `gpu_kernels.json` keeps what
TensorFlow 2.21 with CUDA 12.5 answers. To renew it, run under such a build

    python -m zoo.exports.gpu_kernels > exports/gpu_kernels.json
"""

import functools
import importlib.resources
import json
from collections.abc import Iterable

import tensorflow as tf
from tensorflow.python.framework import kernels

_TABLE = "gpu_kernels.json"
# Control flow and other device-agnostic kernels register as DEFAULT.
_DEVICES = ("GPU", "DEFAULT")

Constraints = dict[str, list[int]]


@functools.cache
def gpu_kernels() -> dict[str, list[Constraints]]:
    """Returns for each op with GPU kernels the types these accept.

    Each kernel maps attributes to the `DataType` numbers allowed; an
    attribute that it leaves out may have any type.
    """
    if tf.sysconfig.get_build_info().get("is_cuda_build"):
        return registered_gpu_kernels()
    table = importlib.resources.files("zoo.exports") / _TABLE
    return json.loads(table.read_text(encoding="utf-8"))


def registered_gpu_kernels() -> dict[str, list[Constraints]]:
    """Returns the table of the running build, sorted by op."""
    table = {}
    for kernel in kernels.get_all_registered_kernels().kernel:
        if kernel.device_type in _DEVICES:
            constraints = {
                constraint.name: sorted(constraint.allowed_values.list.type)
                for constraint in kernel.constraint
            }
            table.setdefault(kernel.op, []).append(constraints)
    return {op: _merge(table[op]) for op in sorted(table)}


def _merge(table: Iterable[Constraints]) -> list[Constraints]:
    """Joins kernels that differ in the types of one attribute only."""
    if {} in table:
        return [{}]
    for attribute in sorted({name for row in table for name in row}):
        groups = {}
        for row in table:
            rest = {k: v for k, v in sorted(row.items()) if k != attribute}
            key = (json.dumps(rest), attribute in row)
            groups.setdefault(key, (rest, set()))[1].update(
                row.get(attribute, ())
            )
        table = [
            {**rest, attribute: sorted(types)} if types else rest
            for rest, types in groups.values()
        ]
    return sorted(table, key=lambda row: json.dumps(row, sort_keys=True))


def _main() -> None:
    rows = (
        f"{json.dumps(op)}: {json.dumps(table, sort_keys=True)}"
        for op, table in registered_gpu_kernels().items()
    )
    print("{\n" + ",\n".join(rows) + "\n}")


if __name__ == "__main__":
    _main()
