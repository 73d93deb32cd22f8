"""Serves exported models: their servers' files, and a client of servers."""

import importlib

from zoo.exports.serving.calls import DeadlineError
from zoo.exports.serving.calls import ModelNotFoundError
from zoo.exports.serving.calls import RefusedError
from zoo.exports.serving.calls import ServingError
from zoo.exports.serving.calls import UnavailableError
from zoo.exports.serving.calls import VersionNotFoundError
from zoo.exports.serving.client import Client
from zoo.exports.serving.prediction import Prediction

__all__ = [
    "Client",
    "DeadlineError",
    "ModelNotFoundError",
    "Prediction",
    "RefusedError",
    "ServingError",
    "UnavailableError",
    "VersionNotFoundError",
    "write_bundle",
]


def __getattr__(name: str):
    # What reads SavedModels imports TensorFlow, which a client does without.
    if name == "write_bundle":
        return importlib.import_module(
            "zoo.exports.serving.bundle"
        ).write_bundle
    raise AttributeError(
        f"module 'zoo.exports.serving' has no attribute {name!r}"
    )
