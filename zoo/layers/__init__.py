"""Layers of the defenses."""

from zoo.layers.activation_noise import ActivationNoise
from zoo.layers.activation_noise import RepeatedBatch
from zoo.layers.antialiased_resizing import AntialiasedResizing
from zoo.layers.batch_normalization import BatchNormalization
from zoo.layers.blur import Blur
from zoo.layers.explained import Explained
from zoo.layers.jpeg import JPEG
from zoo.layers.local_response_normalization import LocalResponseNormalization
from zoo.layers.minds_eye import ClassPlanes
from zoo.layers.minds_eye import Clip
from zoo.layers.minds_eye import FoldClasses
from zoo.layers.minds_eye import MeanSimilarity
from zoo.layers.minds_eye import RepeatForClasses
from zoo.layers.minds_eye import RowConv2D
from zoo.layers.minds_eye import Threshold
from zoo.layers.minds_eye import UnfoldClasses
from zoo.layers.multi_scale_ensemble import MultiScaleEnsemble
from zoo.layers.random_patch_jpeg import RandomPatchJPEG
from zoo.layers.saliency_map import SaliencyMap
from zoo.layers.semantic_jpeg import QualityMap
from zoo.layers.semantic_jpeg import SemanticJPEG
from zoo.layers.spatial_pyramid_pooling import SpatialPyramidPooling

__all__ = [
    "JPEG",
    "ActivationNoise",
    "AntialiasedResizing",
    "BatchNormalization",
    "Blur",
    "ClassPlanes",
    "Clip",
    "Explained",
    "FoldClasses",
    "LocalResponseNormalization",
    "MeanSimilarity",
    "MultiScaleEnsemble",
    "QualityMap",
    "RandomPatchJPEG",
    "RepeatForClasses",
    "RepeatedBatch",
    "RowConv2D",
    "SaliencyMap",
    "SemanticJPEG",
    "SpatialPyramidPooling",
    "Threshold",
    "UnfoldClasses",
]
