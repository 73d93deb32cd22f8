"""What a served model says of an image."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from zoo.exports.serving.calls import ServingError

_ROUNDING = 0.01
"""Of probabilities that were computed in eight bits."""


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
    kinds = [array.dtype.kind for array in (logits, probabilities, classes)]
    if kinds not in (["f", "f", "i"], ["f", "f", "u"]):
        raise ServingError(
            "Logits and probabilities must be floating point, and classes "
            f"integers. Received: {logits.dtype}, {probabilities.dtype}, "
            f"{classes.dtype}"
        )
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
    _check_distributions(logits, probabilities, classes)
    labels = _read_labels(outputs.get("labels"), count)
    if names and len(names) != logits.shape[1]:
        raise ValueError(
            f"`classes` must name each of the {logits.shape[1]} classes. "
            f"Received: {len(names)} names"
        )
    predictions = []
    for row, index in enumerate(classes.tolist()):
        name = names[index] if names else str(index)
        if labels:
            label = labels[row]
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


def _check_distributions(logits, probabilities, classes) -> None:
    """Raises an error if an answer contradicts itself."""
    # Minus infinity rules a class out; NaN is below nothing.
    if not (np.all(logits < np.inf) and np.all(probabilities < np.inf)):
        raise ServingError(
            "The served model's logits and probabilities must be finite. "
            "Received: NaN or infinity"
        )
    sums = np.sum(probabilities, axis=1, dtype="float64")
    if np.any(probabilities < 0) or np.any(np.abs(sums - 1) > _ROUNDING):
        raise ServingError(
            "The served model's probabilities must be from 0 to 1 and sum to "
            f"1. Received: {np.min(probabilities):g} to "
            f"{np.max(probabilities):g}, sums of {np.min(sums):g} to "
            f"{np.max(sums):g}"
        )
    rows = np.arange(len(classes))
    for values, least in ((logits, 0.0), (probabilities, _ROUNDING)):
        below = np.max(values, axis=1) - values[rows, classes]
        if np.any(below > least):
            raise ServingError(
                "The served model's classes must be the likeliest. Received: "
                f"another one in place {int(np.argmax(below))}"
            )


def _read_labels(labels, count: int) -> list[str]:
    """Returns the names of the likeliest classes, if there are any."""
    if labels is None:
        return []
    if labels.size != count or labels.dtype != object:
        raise ServingError(
            f"The answer must hold one label for each of {count} images. "
            f"Received: {labels.dtype} of shape {labels.shape}"
        )
    try:
        return [label.decode() for label in labels.flat]
    except UnicodeDecodeError as error:
        raise ServingError(
            f"The answer's labels must be UTF-8. Received: {error}"
        ) from error
