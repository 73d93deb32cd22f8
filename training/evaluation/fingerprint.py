"""What the outcomes of an evaluation depend on."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from zoo.all_layers import all_layers
from zoo.training.digests import arrays_digest
from zoo.training.digests import weights_digest
from zoo.training.evaluation import provenance
from zoo.training.evaluation.layer_options import layer_options
from zoo.training.evaluation.phase import Phase


def fingerprint(
    model: keras.Model,
    attacked: keras.layers.Layer,
    images: np.ndarray,
    labels: np.ndarray,
    phases: Sequence[Phase],
    suspects: Sequence[Phase] = (),
) -> dict[str, Any]:
    """Returns what must be equal for two runs to have equal outcomes.

    The evaluation's own options come on top.

    Args:
        model: Scores the images.
        attacked: What the attacks are run on.
        images: All of them, clean.
        labels: Their classes.
        phases: The attacks.
        suspects: Those that test the numbers' trustworthiness.
    """
    sources = [
        [weights_digest(source), _layers_digest(source)]
        for phase in phases
        for source in phase.sources
    ]
    return {
        "weights": weights_digest(model),
        "layers": _layers_digest(model),
        "attacked weights": weights_digest(attacked),
        "attacked layers": _layers_digest(attacked),
        "data": arrays_digest([images, labels]),
        "attacks": [phase.text for phase in phases],
        **({"sources": sources} if sources else {}),
        **({"suspects": [s.text for s in suspects]} if suspects else {}),
        "versions": provenance.versions(),
    }


def _layers_digest(model):
    """Returns the SHA-256 of the layers' classes, precisions and options.

    A defense may have no weights to tell its options by. Names don't count,
    and so neither does how models connect their layers: Keras numbers names
    on in one process.
    """
    layers = [
        [type(layer).__name__, layer.dtype_policy.name, layer_options(layer)]
        for layer in all_layers(model)
    ]
    text = json.dumps(layers, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
