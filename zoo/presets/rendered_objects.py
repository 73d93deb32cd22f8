"""The Artificial Mind's Eye, trained on rendered objects."""

from zoo.presets.base import Preset
from zoo.presets.base import register
from zoo.threat import ThreatModel

CLASSES = ("monkey", "aeroplane", "penguin", "none")
"""Three objects, and a background without any."""

_THREAT = ThreatModel("linf", 0.05)
_OBJECTS = dict(
    config=dict(num_classes=4, image_shape=(64, 64, 1)),
    dataset="rendered_objects",
    classes=CLASSES,
    recipe="zoo.training.recipes.rendered_objects",
    paper="The Artificial Mind's Eye: Resisting Adversaries for Convolutional "
    "Neural Networks using Internal Projection",
)
_DIRECT = dict(builder="zoo.models.minds_eye_direct", **_OBJECTS)
_TRIPLE = dict(builder="zoo.models.minds_eye_triple", **_OBJECTS)

register(
    Preset(
        name="minds_eye_direct",
        default_tag="rendered_objects",
        description="Direct classification, the baseline of Mind's Eye.",
        **_DIRECT,
    )
)

register(
    Preset(
        name="minds_eye_direct.adversarial",
        description=(
            "minds_eye_direct trained further on images of PGD in L∞ "
            f"{_THREAT.eps:g}."
        ),
        threat=_THREAT,
        **_DIRECT,
    )
)

register(
    Preset(
        name="minds_eye_pose",
        default_tag="rendered_objects",
        description=(
            "minds_eye_direct trained to estimate the object's pose too."
        ),
        **_DIRECT,
    )
)

register(
    Preset(
        name="minds_eye_triple",
        default_tag="rendered_objects",
        description=(
            "Estimates each class's pose, draws it and compares the drawing "
            "with the image."
        ),
        **_TRIPLE,
    )
)

register(
    Preset(
        name="minds_eye_triple.end_to_end",
        description="minds_eye_triple trained further as a whole.",
        **_TRIPLE,
    )
)

register(
    Preset(
        name="minds_eye_triple.adversarial",
        description=(
            "minds_eye_triple trained further on images of PGD in L∞ "
            f"{_THREAT.eps:g}."
        ),
        threat=_THREAT,
        **_TRIPLE,
    )
)
