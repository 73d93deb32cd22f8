"""Hardened image classifiers: load by name, attack, fine-tune, serve.

Importing the package loads neither Keras nor TensorFlow; `zoo.load`,
`zoo.defenses`, `zoo.layers`, `zoo.models` and `zoo.regularizers` do.
"""

import importlib

from zoo.cards import Card
from zoo.cards import Measurement
from zoo.cards import info
from zoo.cards import write_card
from zoo.defending import defend
from zoo.distribution import publish
from zoo.distribution import push
from zoo.distribution import verify
from zoo.loading import download
from zoo.loading import list_models
from zoo.loading import load
from zoo.presets import UnknownPresetError
from zoo.threat import ThreatModel
from zoo.version import __version__
from zoo.weights import DownloadError

__all__ = [
    "Card",
    "DownloadError",
    "Measurement",
    "ThreatModel",
    "UnknownPresetError",
    "__version__",
    "defend",
    "defenses",
    "download",
    "info",
    "layers",
    "list_models",
    "load",
    "models",
    "publish",
    "push",
    "regularizers",
    "verify",
    "write_card",
]


def __getattr__(name: str):
    if name in ("defenses", "layers", "models", "regularizers"):
        return importlib.import_module(f"zoo.{name}")
    raise AttributeError(f"module 'zoo' has no attribute {name!r}")
