"""Layers of the defenses."""

from zoo.layers.activation_noise import ActivationNoise
from zoo.layers.activation_noise import RepeatedBatch
from zoo.layers.antialiased_resizing import AntialiasedResizing
from zoo.layers.batch_normalization import BatchNormalization
from zoo.layers.blur import Blur
from zoo.layers.explained import Explained
from zoo.layers.jpeg import JPEG
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
    "Explained",
    "MultiScaleEnsemble",
    "QualityMap",
    "RandomPatchJPEG",
    "RepeatedBatch",
    "SaliencyMap",
    "SemanticJPEG",
    "SpatialPyramidPooling",
]
