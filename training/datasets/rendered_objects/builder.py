"""`rendered_objects` for TensorFlow Datasets."""

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from zoo.training.datasets.rendered_objects.meshes import CLASSES
from zoo.training.datasets.rendered_objects.meshes import body
from zoo.training.datasets.rendered_objects.rendering import LAYOUT
from zoo.training.datasets.rendered_objects.rendering import PAINTED
from zoo.training.datasets.rendered_objects.rendering import PHOTOGRAPHS
from zoo.training.datasets.rendered_objects.rendering import SIZE
from zoo.training.datasets.rendered_objects.rendering import render_object
from zoo.training.datasets.rendering.builder import RenderedBuilder
from zoo.training.datasets.rendering.parallel import render_many
from zoo.training.datasets.rendering.photographs import SPLITS
from zoo.training.datasets.rendering.photographs import find_photographs


@dataclass(kw_only=True, eq=False)
class RenderedObjectsConfig(tfds.core.BuilderConfig):
    """What to render.

    Attributes:
        penguin: "ellipsoids", or "tux", whom Debian's `extremetuxracer-data`
            describes.
        backgrounds: "photographs", those that `find_photographs` finds on
            this machine, "painted", or a folder of photographs.
        examples: Pictures of each split.
        seed: Of all pictures.
    """

    penguin: str = "ellipsoids"
    backgrounds: str = PHOTOGRAPHS
    examples: dict[str, int] = field(
        default_factory=lambda: {
            "train": 160_000,
            "validation": 8_000,
            "test": 40_000,
        }
    )
    seed: int = 0


class RenderedObjects(RenderedBuilder):
    """A monkey, an aeroplane or a penguin before a grey background, or none.

    Any picture depends on the seed, its split, its number and the photographs
    alone. Splits share no photograph. `label` is an index of
    `meshes.CLASSES`, as many pictures of each; the others are of
    `rendering.Rendering`.

    Where no photographs are installed, the backgrounds are painted, and a
    warning says so. The set's `info.metadata` names the photographs.
    """

    # TFDS would look for it below the folder `zoo`.
    pkg_dir_path = Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        RenderedObjectsConfig(
            name="ellipsoids",
            description="A penguin of ellipsoids; photographs behind.",
        ),
        RenderedObjectsConfig(
            name="tux",
            description="The penguin Tux, if installed; photographs behind.",
            penguin="tux",
        ),
        RenderedObjectsConfig(
            name="painted",
            description="A penguin of ellipsoids; painted roadsides behind.",
            backgrounds=PAINTED,
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(SIZE, SIZE, 1))
        return self.dataset_info_from_configs(
            description="Turned objects before grey backgrounds.",
            features=tfds.features.FeaturesDict(
                {
                    "image": image,
                    "label": tfds.features.ClassLabel(names=CLASSES),
                    "pose": tfds.features.Tensor(shape=(3,), dtype=np.float32),
                    "alpha": image,
                    "clean": image,
                }
            ),
            supervised_keys=("image", "label"),
            metadata=tfds.core.MetadataDict(),
        )

    def _generate_examples(
        self, split: str, examples: int
    ) -> Iterator[tuple[int, dict]]:
        config = self.builder_config
        body(CLASSES.index("penguin"), config.penguin)  # Says what is missing.
        backgrounds = self._backgrounds()
        renderings = render_many(
            render_object,
            split,
            examples,
            LAYOUT,
            penguin=config.penguin,
            backgrounds=backgrounds,
            seed=config.seed,
        )
        for index, arrays in enumerate(renderings):
            yield index, {"label": index % len(CLASSES), **arrays}

    def _backgrounds(self) -> str:
        """Returns what is behind the objects, and writes it down."""
        chosen = self.builder_config.backgrounds
        photographs = []
        if chosen != PAINTED:
            folder = None if chosen == PHOTOGRAPHS else chosen
            photographs = find_photographs(folder)
            if {photo.split for photo in photographs} != set(SPLITS):
                logging.warning(
                    "No photographs for each split are installed, so the "
                    "backgrounds of %s are painted by code.",
                    self.name,
                )
                chosen, photographs = PAINTED, []
        self.info.metadata["backgrounds"] = chosen
        self.info.metadata["photographs"] = [
            f"{photo.split}: {photo.name}" for photo in photographs
        ]
        return chosen
