"""Models trained on Fashion-MNIST."""

from zoo.presets.base import Preset
from zoo.presets.base import register
from zoo.threat import ThreatModel

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_WRN16_2 = dict(depth=16, width=2, num_classes=10, image_shape=(28, 28, 1))
_IRM_WRN16_2 = dict(
    **_WRN16_2,
    scales=(20, 24, 28),
    scale_weights=(0.1, 0.3, 1.0),
    dropout=0.0,
)
_TRAINED = dict(
    dataset="fashion_mnist",
    classes=CLASSES,
    recipe="zoo.training.recipes.fashion_mnist",
    published=True,
)
_IRM_PAPER = dict(
    threat=ThreatModel("l2", eps=1.0),
    paper="Information Redundancy Minimization (IRM), IJCAI-19 AAAC",
    **_TRAINED,
)

register(
    Preset(
        name="wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.wide_resnet",
        config=_WRN16_2,
        paper="https://arxiv.org/abs/1605.07146",
        description="Undefended WRN-16-2, the baseline of irm_wrn16_2.",
        **_TRAINED,
    )
)

register(
    Preset(
        name="irm_wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2,
        description=(
            "WRN-16-2 behind random-patch JPEG, a three-scale ensemble, "
            "trained against DDN."
        ),
        **_IRM_PAPER,
    )
)

register(
    Preset(
        name="ddn_wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.wide_resnet",
        config=_WRN16_2,
        description="WRN-16-2 trained against DDN.",
        **_IRM_PAPER,
    )
)

register(
    Preset(
        name="jpeg_ddn_wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.jpeg_wide_resnet",
        config=_WRN16_2 | {"dropout": 0.0},
        description="WRN-16-2 behind random-patch JPEG, trained against DDN.",
        **_IRM_PAPER,
    )
)

register(
    Preset(
        name="spp_ddn_wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2 | {"qualities": None},
        description="IRM without JPEG, trained against DDN.",
        **_IRM_PAPER,
    )
)

register(
    Preset(
        name="irm_wrn16_2.tricks",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2,
        description=(
            "irm_wrn16_2 trained on with label smoothing, logit pairing and "
            "PGD and DeepFool samples beside DDN's."
        ),
        **_IRM_PAPER,
    )
)
