"""Data sets by name, or from folders of pictures."""

from training.datasets.folder_split import split_folder
from training.datasets.image_folder import class_folders
from training.datasets.lisa_classes import LISA_CLASSES
from training.datasets.loading import is_folder
from training.datasets.loading import is_resized
from training.datasets.loading import load

__all__ = [
    "LISA_CLASSES",
    "class_folders",
    "is_folder",
    "is_resized",
    "load",
    "split_folder",
]
