"""Models trained on rendered road signs."""

from zoo.presets.base import Preset
from zoo.presets.base import register

LISA_CLASSES = (
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
)
"""The 17 classes of Eykholt et al., 2018: LISA's tags, in their order.

`speedLimitUrdbl` is a speed limit that cannot be read.
"""

CLASSES = (*LISA_CLASSES, "unused")
"""LISA's 17 signs, and an output that none of them has.

The authors' network has 18 outputs for 17 signs. They count from 1 and leave
output 0 unused. Here the signs count from 0, so a label is theirs minus one
(their `target_class=12` is 11), and the last output is the unused one. No
image has its label in training: it is a logit, not a class for "no sign".
"""

_LISA_CNN = dict(num_classes=18, image_shape=(32, 32, 3))
_SIGNS = dict(
    dataset="rendered_signs/crops32",
    classes=CLASSES,
    recipe="zoo.training.recipes.rendered_signs",
    published=True,
)
_BLURNET = dict(
    builder="zoo.models.blurnet",
    paper="BlurNet: Defense by Filtering the Feature Maps",
    **_SIGNS,
)
_L_INF = {3: 1e-5, 5: 0.1, 7: 0.1}
"""Table 2: the penalty's strength by the filters' size."""

register(
    Preset(
        name="lisa_cnn",
        default_tag="rendered_signs",
        builder="zoo.models.lisa_cnn",
        config=_LISA_CNN,
        paper="https://arxiv.org/abs/1707.08945",
        description="Undefended LISA-CNN, the baseline of the BlurNets.",
        **_SIGNS,
    )
)

for _size, _alpha in _L_INF.items():
    register(
        Preset(
            name=f"blurnet_dw{_size}",
            default_tag="rendered_signs",
            config=dict(**_LISA_CNN, kernel_size=_size, l_inf=_alpha),
            description=(
                f"LISA-CNN with learned {_size}×{_size} filters on its first "
                f"feature maps, under an L-inf penalty of {_alpha:g}."
            ),
            **_BLURNET,
        )
    )

register(
    Preset(
        name="blurnet_tv",
        default_tag="1e-4",
        config=dict(**_LISA_CNN, kernel_size=None, total_variation=1e-4),
        description=(
            "LISA-CNN trained with a total-variation penalty of 1e-4 on its "
            "first feature maps."
        ),
        **_BLURNET,
    )
)

register(
    Preset(
        name="blurnet_tv.1e-5",
        config=dict(**_LISA_CNN, kernel_size=None, total_variation=1e-5),
        description="blurnet_tv with a penalty of 1e-5.",
        **_BLURNET,
    )
)

for _place, _tag, _filtered in (
    ("input", "input", "pixels"),
    ("features", "maps", "first feature maps"),
):
    for _size in (3, 5):
        register(
            Preset(
                name=f"blurnet_fixed.{_tag}_{_size}x{_size}",
                config=dict(
                    **_LISA_CNN, kernel_size=_size, blur="box", place=_place
                ),
                description=(
                    f"LISA-CNN with a {_size}×{_size} mean filter on its "
                    f"{_filtered}."
                ),
                **_BLURNET,
            )
        )
