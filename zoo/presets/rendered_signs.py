"""Models trained on rendered road signs."""

from zoo.presets.base import Preset
from zoo.presets.base import register
from zoo.weights.manifest import WeightFile
from zoo.weights.manifest import Weights

CLASSES = (
    "addedLane",
    "keepRight",
    "laneEnds",
    "merge",
    "pedestrianCrossing",
    "school",
    "schoolSpeedLimit25",
    "signalAhead",
    "speedLimit25",
    "speedLimit30",
    "speedLimit35",
    "speedLimit45",
    "speedLimitUrdbl",
    "stop",
    "stopAhead",
    "turnRight",
    "yield",
    "unused",
)
"""LISA's 17 signs, and an output that none of them has.

The authors' network has 18 outputs for 17 signs. They count from 1 and leave
output 0 unused; here the signs count from 0, so a label is theirs minus one
(their `target_class=12` is 11), and the last output is the unused one. No
image of it is ever trained on: it is a logit, no class for what is no sign.
"""

_LISA_CNN = dict(num_classes=18, image_shape=(32, 32, 3))
_SIGNS = dict(
    dataset="rendered_signs/crops32",
    classes=CLASSES,
    recipe="zoo.training.recipes.rendered_signs",
)
_BLURNET = dict(
    builder="zoo.models.blurnet",
    paper="BlurNet: Defense by Filtering the Feature Maps",
    **_SIGNS,
)
_FILES = {
    "lisa_cnn": (
        "733ef286fae307122b131a2ee6197117ae38cb4aa3d691fc46edca2b3008f3a1",
        1_475_768,
    ),
    "blurnet_dw3": (
        "10a2d5e0d91dd8bb1ff96de2e975ba93c0afffb033d6f8a81eba14b50d16e9c5",
        1_478_088,
    ),
    "blurnet_dw5": (
        "f9789e02ef24458cbeef7e150e186ddabde6c28dd27f057fd8853ad09d42d401",
        1_481_288,
    ),
    "blurnet_dw7": (
        "a0994cfb11614e336d676f0f0ffefb3928a95e56277b8405ab00dadb95a2e4a1",
        1_484_360,
    ),
    "blurnet_tv": (
        "e410efb0cedb101539e2cba6ec4481cdaa5bc7eaad1f5c8b35ebf20a1202d4ec",
        1_475_768,
    ),
    "blurnet_tv.1e-5": (
        "665dc8fd97e2671da25412ed65f62f78c8a13306a1d6ee9a9f06ef99cdec0b86",
        1_475_768,
    ),
    "blurnet_fixed.input_3x3": (
        "c36733f0012b58174ffb238481132f4c53852b6b67123a7de0793b6ca2102b8d",
        1_477_488,
    ),
    "blurnet_fixed.input_5x5": (
        "0e2f4bb75bf11f632d4c04d1299bde50f8292b3f84b0da442ea837ad6f47e709",
        1_477_488,
    ),
    "blurnet_fixed.maps_3x3": (
        "3c9b4936fbd25089d2f77599d09d988f1259b66bb3e36afdfeaddec46fd02f2e",
        1_477_488,
    ),
    "blurnet_fixed.maps_5x5": (
        "e89fa6f03837329e442f7bf3d5a2ac5df50a54c1bbfe28cedaebf454f8a617b6",
        1_477_488,
    ),
}
"""SHA-256 and bytes of each preset's weights."""

_L_INF = {3: 1e-5, 5: 0.1, 7: 0.1}
"""Table 2: the penalty's strength by the filters' size."""


def _register(name: str, **fields) -> None:
    sha256, size = _FILES[name]
    file = WeightFile(f"{name}.weights.h5", sha256=sha256, size=size)
    register(Preset(name=name, weights=Weights((file,)), **fields))


_register(
    name="lisa_cnn",
    default_tag="rendered_signs",
    builder="zoo.models.lisa_cnn",
    config=_LISA_CNN,
    paper="https://arxiv.org/abs/1707.08945",
    description="Undefended LISA-CNN, the twin of the BlurNets.",
    **_SIGNS,
)

for _size, _alpha in _L_INF.items():
    _register(
        name=f"blurnet_dw{_size}",
        default_tag="rendered_signs",
        config=dict(**_LISA_CNN, kernel_size=_size, l_inf=_alpha),
        description=(
            f"LISA-CNN whose first feature maps pass learned {_size}×"
            f"{_size} filters under an L-inf penalty of {_alpha:g}."
        ),
        **_BLURNET,
    )

_register(
    name="blurnet_tv",
    default_tag="1e-4",
    config=dict(**_LISA_CNN, kernel_size=None, total_variation=1e-4),
    description=(
        "LISA-CNN whose first feature maps were held smooth by a "
        "total-variation penalty of 1e-4."
    ),
    **_BLURNET,
)

_register(
    name="blurnet_tv.1e-5",
    config=dict(**_LISA_CNN, kernel_size=None, total_variation=1e-5),
    description="blurnet_tv under a penalty of 1e-5.",
    **_BLURNET,
)

for _place, _tag, _filtered in (
    ("input", "input", "pixels"),
    ("features", "maps", "first feature maps"),
):
    for _size in (3, 5):
        _register(
            name=f"blurnet_fixed.{_tag}_{_size}x{_size}",
            config=dict(
                **_LISA_CNN, kernel_size=_size, blur="box", place=_place
            ),
            description=(
                f"LISA-CNN whose {_filtered} pass a mean filter of "
                f"{_size}×{_size}."
            ),
            **_BLURNET,
        )
