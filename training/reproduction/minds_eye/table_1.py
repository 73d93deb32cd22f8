"""Table 1: error rates on clean images."""

from zoo.training.evaluation.results.metrics import wilson_interval
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.minds_eye import paper
from zoo.training.reproduction.minds_eye.networks import OBJECTS
from zoo.training.reproduction.minds_eye.networks import Networks
from zoo.training.reproduction.minds_eye.networks import is_triple

EXTRA = (
    "minds_eye_direct.adversarial",
    "minds_eye_triple.end_to_end",
    "minds_eye_triple.adversarial",
)
"""Presets of the paper's future work."""


def table_1(networks: Networks) -> Exhibit:
    """Measures table 1, and the networks that the paper doesn't have."""
    _, labels = networks.test
    rows, data = [], []
    for name, threshold in _cases(networks):
        wrong = networks.verdicts(name, threshold) != labels
        error = float(wrong.mean())
        low, high = wilson_interval(error, len(labels))
        printed = paper.ERRORS.get((name, threshold))
        none = labels == OBJECTS
        split = {
            "objects": float(wrong[~none].mean()),
            "none": float(wrong[none].mean()),
        }
        rows.append(
            (
                _title(name, threshold),
                "–" if printed is None else f"{printed:.2%}",
                f"{error:.2%}",
                f"{low:.2%} to {high:.2%}",
                f"{split['objects']:.2%}",
                f"{split['none']:.2%}",
            )
        )
        data.append(
            {
                "preset": name,
                "threshold": threshold,
                "paper": printed,
                "error": error,
                "interval": [low, high],
                **split,
            }
        )
    names = dict.fromkeys(name for name, _ in _cases(networks))
    return Exhibit(
        name="tab1",
        title="Table 1: error rates on clean images",
        header=(
            "network",
            "paper",
            "ours",
            "95 % interval",
            "objects",
            "none",
        ),
        rows=tuple(rows),
        notes=(
            f"{len(labels):,} test images of `{networks.settings.data}`, a "
            "quarter of them without an object. The paper: 40,000, rendered by "
            "Blender before ImageNet photographs.",
            *_claims(data),
        ),
        data={"rows": data},
        provenance=networks.provenance(*names),
    )


def _cases(networks):
    """Yields preset and threshold of each row that has weights."""
    for name, threshold in (*paper.ERRORS, *((name, None) for name in EXTRA)):
        if networks.model(name) is None:
            continue
        if is_triple(name) and threshold is None:
            threshold = 0.45
        yield name, threshold


def _title(name, threshold):
    text = f"{paper.TITLES[name]}, `{name}`" if name in paper.TITLES else name
    return text if threshold is None else f"{text}, Θ = {threshold:g}"


def _claims(data):
    """Says whether errors are what the paper's are, in order."""
    errors = {(row["preset"], row["threshold"]): row["error"] for row in data}
    wanted = [(paper.TRIPLE, threshold) for threshold in paper.THRESHOLDS]
    if not all(key in errors for key in wanted):
        return ("The triple-staged network has no weights: not measured.",)
    low, middle, high = (errors[key] for key in wanted)
    best = "holds" if middle <= min(low, high) else "**does not hold**"
    direct = errors[paper.DIRECT, None]
    first = "holds" if direct < middle else "**does not hold**"
    return (
        f"The middle threshold has the lowest error of the three: {best} "
        f"({low:.2%}, {middle:.2%}, {high:.2%}).",
        "The direct network's error is below the triple-staged network's: "
        f"{first} ({direct:.2%} against {middle:.2%}).",
    )
