"""What an exhibit was measured with."""

import datetime
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import keras

from zoo.training.evaluation import provenance
from zoo.weights.digests import weights_digest


def provenance_of(
    settings: Any,
    commits: Iterable[str],
    *,
    models: Mapping[str, keras.Model] | None = None,
) -> dict[str, Any]:
    """Returns what an exhibit that is measured now was measured with.

    Args:
        settings: Of the reproduction, with `seed` and `to_dict`.
        commits: Of all sources that it was measured by.
        models: What was measured, by name; the digests of their weights are
            kept. `None` leaves these out.
    """
    now = datetime.datetime.now(datetime.UTC)
    found = {
        "settings": settings.to_dict(),
        "seed": settings.seed,
        "commit": ", ".join(sorted(set(commits))),
        "versions": provenance.versions(),
        "date": now.isoformat(timespec="seconds"),
    }
    if models is not None:
        found["weights"] = {
            name: weights_digest(model) for name, model in models.items()
        }
    return found
