"""Models trained on photographs of objects over other photographs."""

from zoo.presets.base import Preset
from zoo.presets.base import register

CLASSES = (
    "avocado",
    "basketball",
    "broccoli",
    "brown_bear",
    "butterflyfish",
    "camel",
    "cherries",
    "daffodil",
    "dolphin",
    "drum_kit",
    "elephant",
    "fire_engine",
    "flamingo",
    "frog",
    "giraffe",
    "gorilla",
    "guitar",
    "hammer",
    "hippopotamus",
    "hot_air_balloon",
    "iris",
    "kangaroo",
    "kettle",
    "king_penguin",
    "koala",
    "lemon",
    "lion",
    "orca",
    "pelican",
    "rooster",
    "rose",
    "rubber_duck",
    "seahorse",
    "snowy_owl",
    "squirrel",
    "tiger",
    "toucan",
    "trumpet",
    "violin",
    "zebra",
)
"""The 40 objects, each of one photograph, of `composed_photos/objects`."""

_WRN10_2 = dict(
    depth=10, width=2, strides=4, num_classes=40, image_shape=(128, 128, 3)
)
_HEAD = dict(squeeze=32, multiplier=4, channels=128)
"""Options of the MSROI network's head; the paper's are 32, 32 and 1024."""

_OBJECTS = dict(
    dataset="composed_photos/objects",
    classes=CLASSES,
    recipe="zoo.training.recipes.composed_photos",
    published=True,
)

register(
    Preset(
        name="wrn10_2",
        default_tag="composed_photos",
        builder="zoo.models.wide_resnet",
        config=_WRN10_2,
        paper="https://arxiv.org/abs/1605.07146",
        description="Undefended WRN-10-2, the classifier of semantic JPEG.",
        **_OBJECTS,
    )
)

register(
    Preset(
        name="msroi_wrn10_2",
        default_tag="composed_photos",
        builder="zoo.models.msroi",
        config=dict(**_WRN10_2, **_HEAD),
        paper="https://arxiv.org/abs/1612.08712",
        description="MSROI on WRN-10-2, whose maps semantic JPEG follows.",
        **_OBJECTS,
    )
)

register(
    Preset(
        name="jpeg_wrn10_2",
        default_tag="composed_photos",
        builder="zoo.models.jpeg_wide_resnet",
        config=dict(**_WRN10_2, qualities=50, dropout=0.0),
        paper="https://arxiv.org/abs/1608.00853",
        description="wrn10_2 behind JPEG of quality 50.",
        **_OBJECTS,
    )
)

for _name, _tag, _map, _augmented in (
    ("semantic_jpeg_wrn10_2", "aug_msroi", "Aug-MSROI", True),
    ("semantic_jpeg_wrn10_2.msroi", None, "MSROI", False),
):
    register(
        Preset(
            name=_name,
            default_tag=_tag,
            builder="zoo.models.semantic_jpeg",
            config=dict(
                **_WRN10_2,
                **_HEAD,
                augmented=_augmented,
                # Those of its own network, however many the classifier has.
                saliency_classes=len(CLASSES),
            ),
            paper="https://arxiv.org/abs/1803.00940",
            description=(
                f"wrn10_2 behind semantic JPEG, whose quality follows {_map}."
            ),
            **_OBJECTS,
        )
    )
