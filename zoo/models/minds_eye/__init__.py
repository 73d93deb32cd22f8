"""The networks of the Artificial Mind's Eye."""

from zoo.models.minds_eye.classifier import minds_eye_direct
from zoo.models.minds_eye.classifier import with_pose
from zoo.models.minds_eye.stages import comparator
from zoo.models.minds_eye.stages import estimator
from zoo.models.minds_eye.stages import projector
from zoo.models.minds_eye.triple import minds_eye_triple

__all__ = [
    "comparator",
    "estimator",
    "minds_eye_direct",
    "minds_eye_triple",
    "projector",
    "with_pose",
]
