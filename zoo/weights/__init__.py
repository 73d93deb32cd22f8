"""Weight files: describing, downloading and storing them."""

from zoo.weights.fetch import DownloadError
from zoo.weights.fetch import fetch_weights
from zoo.weights.folders import cache_folder
from zoo.weights.folders import cached_files
from zoo.weights.folders import clear_cache
from zoo.weights.manifest import GrownWeights
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights
from zoo.weights.storage import load_weights
from zoo.weights.storage import save_weights
from zoo.weights.verify import Verification

__all__ = [
    "DownloadError",
    "GrownWeights",
    "Verification",
    "WeightFile",
    "Weights",
    "cache_folder",
    "cached_files",
    "clear_cache",
    "fetch_weights",
    "load_weights",
    "save_weights",
]
