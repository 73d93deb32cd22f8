"""Models trained on Fashion-MNIST."""

from zoo.presets.base import Preset
from zoo.presets.base import register
from zoo.threat import ThreatModel
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights

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
_IRM_PAPER = dict(
    dataset="fashion_mnist",
    classes=CLASSES,
    recipe="zoo.training.recipes.fashion_mnist",
    paper="Information Redundancy Minimization (IRM), IJCAI-19 AAAC",
)

register(
    Preset(
        name="wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.wide_resnet",
        config=_WRN16_2,
        dataset="fashion_mnist",
        classes=CLASSES,
        weights=Weights(
            (
                WeightFile(
                    "wrn16_2.weights.h5",
                    sha256="de9726fbc5bb5a9278fd3b07f658dd90"
                    "0f99b225a59224501e0be0384399f077",
                    size=1_524_200,
                ),
            )
        ),
        recipe="zoo.training.recipes.fashion_mnist",
        paper="https://arxiv.org/abs/1605.07146",
        description="Undefended WRN-16-2, the twin of irm_wrn16_2.",
    )
)

register(
    Preset(
        name="irm_wrn16_2",
        default_tag="fashion_mnist",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2,
        threat=ThreatModel("l2", eps=1.0),
        weights=Weights(
            (
                WeightFile(
                    "irm_wrn16_2.weights.h5",
                    sha256="fc684a0dadfc163f9e30a8efc9a4ca8a"
                    "d69288a8173e847da6832ed5f6229153",
                    size=1_598_840,
                ),
            )
        ),
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
        threat=ThreatModel("l2", eps=1.0),
        weights=Weights(
            (
                WeightFile(
                    "ddn_wrn16_2.weights.h5",
                    sha256="b3f4ef7f2eb7f8e33fb85b6c3a5d0982"
                    "6df96431b68fabf61d47bcc6f8327411",
                    size=1_524_200,
                ),
            )
        ),
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
        threat=ThreatModel("l2", eps=1.0),
        weights=Weights(
            (
                WeightFile(
                    "jpeg_ddn_wrn16_2.weights.h5",
                    sha256="93d3dcef38f3c316ad968ae6aac5d5bd"
                    "693cf5acde84f70459f52ed630688c67",
                    size=1_532_560,
                ),
            )
        ),
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
        threat=ThreatModel("l2", eps=1.0),
        weights=Weights(
            (
                WeightFile(
                    "spp_ddn_wrn16_2.weights.h5",
                    sha256="41e9715a59b755b64985709b4f3cb0c9"
                    "2a2b4e5955349290d7e079a7f9d769c5",
                    size=1_595_176,
                ),
            )
        ),
        description="IRM without JPEG, trained against DDN.",
        **_IRM_PAPER,
    )
)

register(
    Preset(
        name="irm_wrn16_2.tricks",
        builder="zoo.models.irm",
        config=_IRM_WRN16_2,
        threat=ThreatModel("l2", eps=1.0),
        weights=Weights(
            (
                WeightFile(
                    "irm_wrn16_2.tricks.weights.h5",
                    sha256="9c71d05acd4247e7fba7746a77059171"
                    "17ef0c90bcc517e7ef69528f6073c519",
                    size=1_598_840,
                ),
            )
        ),
        description=(
            "irm_wrn16_2 trained on with label smoothing, logit pairing and "
            "PGD and DeepFool samples beside DDN's."
        ),
        **_IRM_PAPER,
    )
)
