"""The builders of the zoo's architectures, and growth between sizes."""

from zoo.models.blurnet import blurnet
from zoo.models.growth import grow
from zoo.models.irm import irm
from zoo.models.jpeg_wide_resnet import jpeg_wide_resnet
from zoo.models.lisa_cnn import lisa_cnn
from zoo.models.minds_eye.classifier import minds_eye_direct
from zoo.models.minds_eye.triple import minds_eye_triple
from zoo.models.msroi import msroi
from zoo.models.msroi import msroi_on
from zoo.models.msroi import saliency_model
from zoo.models.semantic_jpeg import semantic_jpeg
from zoo.models.wide_resnet import wide_resnet

__all__ = [
    "blurnet",
    "grow",
    "irm",
    "jpeg_wide_resnet",
    "lisa_cnn",
    "minds_eye_direct",
    "minds_eye_triple",
    "msroi",
    "msroi_on",
    "saliency_model",
    "semantic_jpeg",
    "wide_resnet",
]
