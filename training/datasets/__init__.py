"""Data sets by name, or from folders of pictures."""

from training.datasets.folder_split import split_folder
from training.datasets.image_folder import class_folders
from training.datasets.loading import is_folder
from training.datasets.loading import load

__all__ = ["class_folders", "is_folder", "load", "split_folder"]
