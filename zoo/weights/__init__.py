"""Weight files: describing, downloading and storing them."""

from zoo.weights.fetch import DownloadError
from zoo.weights.fetch import fetch_weights
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights
from zoo.weights.storage import load_weights
from zoo.weights.storage import save_weights

__all__ = [
    "DownloadError",
    "WeightFile",
    "Weights",
    "fetch_weights",
    "load_weights",
    "save_weights",
]
