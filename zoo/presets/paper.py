"""Architectures as published, at the published sizes, without weights."""

from zoo.presets.base import Preset
from zoo.presets.base import register
from zoo.threat import ThreatModel

register(
    Preset(
        name="wrn28_10.cifar10",
        builder="zoo.models.wide_resnet",
        config=dict(
            depth=28, width=10, num_classes=10, image_shape=(32, 32, 3)
        ),
        dataset="cifar10",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        paper="https://arxiv.org/abs/1605.07146",
        description="Undefended WRN-28-10.",
    )
)

register(
    Preset(
        name="irm_wrn28_10.aaac",
        builder="zoo.models.irm",
        config=dict(
            depth=28,
            width=10,
            num_classes=110,
            image_shape=(299, 299, 3),
            scales=(32, 64, 128),
            scale_weights=(1.0, 0.01, 0.001),
        ),
        dataset="aaac",
        threat=ThreatModel("l2", eps=1.0),
        paper="Information Redundancy Minimization (IRM), IJCAI-19 AAAC",
        description=(
            "The paper's: WRN-28-10 behind random-patch JPEG, a three-scale "
            "ensemble, to be trained against DDN."
        ),
    )
)
