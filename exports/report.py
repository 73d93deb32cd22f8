"""What an export reports."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What was written, and how it was checked.

    Args:
        path: The version's directory, ready for a server to load.
        version: Number of the version.
        size_bytes: Size of all files of the version.
        signatures: For each signature its `inputs` and `outputs`, each a
            mapping from a name to dtype and shape, as
            `"float32[?,32,32,3]"`.
        max_abs_difference: Largest absolute difference between the logits
            of the Keras model and of the export, reloaded through
            TensorFlow's C++ loader, over all signatures.
        stochastic: Whether predicting draws random numbers.
        seed: The seed that pins these draws; `None` if each call draws
            fresh entropy.
        cpu_only_ops: For each signature the ops without a GPU kernel, and
            how many there are of each.
    """

    path: pathlib.Path
    version: int
    size_bytes: int
    signatures: dict[str, dict[str, dict[str, str]]]
    max_abs_difference: float
    stochastic: bool
    seed: int | None
    cpu_only_ops: dict[str, dict[str, int]]

    def to_dict(self) -> dict:
        """Returns the report as plain values that JSON can hold."""
        return {**dataclasses.asdict(self), "path": str(self.path)}
