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
_LARGE = dict(depth=28, width=10)
_PUBLISHED = dict(
    dataset="fashion_mnist",
    classes=CLASSES,
    published=True,
)
_TRAINED = dict(recipe="zoo.training.recipes.fashion_mnist", **_PUBLISHED)
_IRM_PAPER = dict(
    threat=ThreatModel("l2", eps=1.0),
    paper="Information Redundancy Minimization (IRM), IJCAI-19 AAAC",
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
        **_TRAINED,
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
        **_TRAINED,
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
        **_TRAINED,
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
        **_TRAINED,
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
        **_TRAINED,
    )
)

register(
    Preset(
        name="wrn28_10",
        default_tag="fashion_mnist",
        builder="zoo.models.wide_resnet",
        config=_WRN16_2 | _LARGE,
        paper="https://arxiv.org/abs/1605.07146",
        description="Undefended WRN-28-10, grown from wrn16_2.",
        **_PUBLISHED,
    )
)

register(
    Preset(
        name="irm_wrn28_10",
        default_tag="fashion_mnist",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2 | _LARGE,
        description=(
            "WRN-28-10 behind random-patch JPEG, a three-scale ensemble, "
            "grown from irm_wrn16_2.tricks."
        ),
        **_IRM_PAPER,
        **_PUBLISHED,
    )
)
