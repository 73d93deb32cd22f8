"""What a served model says of an image."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from zoo.exports.serving.calls import ServingError


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a served model says of one image.

    Args:
        index: Class of the largest logit.
        name: Its name; its number's digits where classes have no names.
        probability: Its probability.
        probabilities: Of all classes, float32, `(classes,)`.
        logits: Of all classes, float32, `(classes,)`.
        names: Of all classes, where the client knows them, else empty.
    """

    index: int
    name: str
    probability: float
    probabilities: np.ndarray
    logits: np.ndarray
    names: tuple[str, ...] = ()

    def top(self, count: int = 5) -> list[tuple[str, float]]:
        """Returns the likeliest classes' names and probabilities."""
        best = np.argsort(-self.probabilities, kind="stable")[:count]
        return [
            (
                self.names[n] if self.names else str(n),
                float(self.probabilities[n]),
            )
            for n in best
        ]


def read_predictions(
    outputs: Mapping[str, np.ndarray], count: int, names: tuple[str, ...]
) -> list[Prediction]:
    """Reads the outputs of a classifying signature.

    Args:
        outputs: By name, `logits`, `probabilities`, `classes`, maybe `labels`.
        count: Of the images.
        names: Of all classes, or none.

    Raises:
        ServingError: If they are no classifier's.
        ValueError: If `names` are not the model's.
    """
    missing = {"classes", "logits", "probabilities"} - outputs.keys()
    if missing:
        raise ServingError(
            "A served classifier must return classes, logits and "
            f"probabilities. Received: {sorted(outputs)}"
        )
    logits, probabilities = outputs["logits"], outputs["probabilities"]
    classes = outputs["classes"].reshape(-1)
    if (
        len(classes) != count
        or probabilities.ndim != 2
        or probabilities.shape != logits.shape
        or len(probabilities) != count
        or not np.all((classes >= 0) & (classes < logits.shape[1]))
    ):
        raise ServingError(
            f"The answer must hold one row for each of {count} images. "
            f"Received: classes of shape {classes.shape}, logits of "
            f"{logits.shape}, probabilities of {probabilities.shape}"
        )
    if not np.all(np.isfinite(probabilities)):
        raise ServingError(
            "The served model's probabilities must be finite. "
            "Received: NaN or infinity"
        )
    labels = outputs.get("labels")
    if names and len(names) != logits.shape[1]:
        raise ValueError(
            f"`classes` must name each of the {logits.shape[1]} classes. "
            f"Received: {len(names)} names"
        )
    predictions = []
    for row, index in enumerate(classes.tolist()):
        name = names[index] if names else str(index)
        if labels is not None:
            label = labels.reshape(-1)[row].decode()
            if names and label != name:
                raise ValueError(
                    "`classes` must be the served model's. "
                    f"Received: {name!r} for class {index}, which the "
                    f"server calls {label!r}"
                )
            name = label
        predictions.append(
            Prediction(
                index=index,
                name=name,
                probability=float(probabilities[row, index]),
                probabilities=probabilities[row],
                logits=logits[row],
                names=names,
            )
        )
    return predictions
