"""`rendered_signs` for TensorFlow Datasets."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.rendering import Rendering
from zoo.training.datasets.rendered_signs.rendering import crop
from zoo.training.datasets.rendered_signs.rendering import layout
from zoo.training.datasets.rendered_signs.rendering import scene
from zoo.training.datasets.rendering.builder import RenderedBuilder
from zoo.training.datasets.rendering.parallel import render_many


@dataclass(kw_only=True, eq=False)
class RenderedSignsConfig(tfds.core.BuilderConfig):
    """What to render.

    Attributes:
        size: Pixels on a side of a picture.
        scenes: Whether the signs are somewhere in a scene, rather than cut
            out.
        examples: Pictures of each split.
        seed: Of all pictures.
    """

    size: int
    scenes: bool
    examples: dict[str, int] = field(default_factory=dict)
    seed: int = 0


class RenderedSigns(RenderedBuilder):
    """17 US road signs drawn by code, as a car's camera might see them.

    Any picture depends on the seed, its split and its number alone. `label`
    is an index of LISA's classes, as many pictures of each; `homography`
    takes the sign's plane to the picture's pixels, as
    `rendering.Rendering` says. Scenes also have the plate's `mask` and `box`
    and the `corners` of the square that the sign fills.
    """

    # TFDS would look for it below the folder `zoo`.
    pkg_dir_path = Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        RenderedSignsConfig(
            name="crops32",
            description="Cut-out signs of 32 x 32 pixels.",
            size=32,
            scenes=False,
            examples={"train": 17_000, "validation": 1_700, "test": 3_400},
        ),
        RenderedSignsConfig(
            name="scenes128",
            description="Roadside scenes of 128 x 128 pixels with one sign.",
            size=128,
            scenes=True,
            examples={"train": 3_400, "validation": 340, "test": 680},
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size = self.builder_config.size
        features = {
            "image": tfds.features.Image(shape=(size, size, 3)),
            "label": tfds.features.ClassLabel(names=LISA_CLASSES),
            "homography": tfds.features.Tensor(shape=(3, 3), dtype=np.float32),
        }
        if self.builder_config.scenes:
            features |= {
                "mask": tfds.features.Image(shape=(size, size, 1)),
                "box": tfds.features.BBoxFeature(),
                "corners": tfds.features.Tensor(shape=(4, 2), dtype=np.float32),
            }
        return self.dataset_info_from_configs(
            description="US road signs drawn by code.",
            features=tfds.features.FeaturesDict(features),
            supervised_keys=("image", "label"),
        )

    def _generate_examples(
        self, split: str, examples: int
    ) -> Iterator[tuple[int, dict]]:
        config = self.builder_config
        renderings = render_many(
            scene if config.scenes else crop,
            split,
            examples,
            layout(config.size),
            size=config.size,
            seed=config.seed,
        )
        for index, arrays in enumerate(renderings):
            rendering = Rendering(**arrays)
            example = {
                "image": rendering.image,
                "label": index % len(LISA_CLASSES),
                "homography": rendering.homography,
            }
            if config.scenes:
                example |= {
                    "mask": rendering.mask,
                    "box": _box(rendering.mask),
                    "corners": rendering.corners,
                }
            yield index, example


def _box(mask: np.ndarray) -> tfds.features.BBox:
    """Returns the box around a mask, in shares of the picture's sides."""
    rows, columns = np.nonzero(mask[..., 0])
    height, width = mask.shape[:2]
    return tfds.features.BBox(
        ymin=rows.min() / height,
        xmin=columns.min() / width,
        ymax=(rows.max() + 1) / height,
        xmax=(columns.max() + 1) / width,
    )
