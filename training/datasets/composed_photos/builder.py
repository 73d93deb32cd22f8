"""`composed_photos` for TensorFlow Datasets."""

import os
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import tensorflow_datasets as tfds

from zoo.presets.composed_photos import CLASSES
from zoo.training.datasets.composed_photos.composing import compose
from zoo.training.datasets.composed_photos.composing import layout
from zoo.training.datasets.composed_photos.sources import check_installed
from zoo.training.datasets.composed_photos.sources import find_backgrounds
from zoo.training.datasets.composed_photos.sources import find_stamps
from zoo.training.datasets.composed_photos.stamps import KINDS
from zoo.training.datasets.composed_photos.stamps import STAMPS
from zoo.training.datasets.rendering.builder import RenderedBuilder
from zoo.training.datasets.rendering.parallel import render_many


@dataclass(kw_only=True, eq=False)
class ComposedPhotosConfig(tfds.core.BuilderConfig):
    """What to compose.

    Attributes:
        kinds: Whether a class is a kind, such as birds, whose stamps are
            split as the backgrounds are, rather than a single stamp.
        examples: Pictures of each split.
        size: Pixels on a side of a picture.
        seed: Of all pictures.
    """

    kinds: bool
    examples: dict[str, int] = field(default_factory=dict)
    size: int = 128
    seed: int = 0


class ComposedPhotos(RenderedBuilder):
    """Cut-out photographs over photographs, 128 x 128 pixels.

    Any picture depends on the photographs, the seed, its split and its number
    alone. Each class has as many pictures. No photograph is the background of
    pictures of two splits. `mask` is the object's alpha: its share of each
    pixel, 0 to 255. `stamp` and `background` are the files' names.

    Args:
        stamps: Folder of Tux Paint's stamps.
        backgrounds: Folder of photographs to lay stamps over; `None` for
            Debian's and Foolbox's.
        **kwargs: TFDS' own: `config`, `data_dir` and others.
    """

    # TFDS would look for it below the folder `zoo`.
    pkg_dir_path = Path(__file__).parent
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS = [
        ComposedPhotosConfig(
            name="objects",
            description="40 classes of one stamp each.",
            kinds=False,
            examples={"train": 20_000, "validation": 1_000, "test": 2_000},
        ),
        ComposedPhotosConfig(
            name="kinds",
            description="9 classes, whose stamps differ between the splits.",
            kinds=True,
            examples={"train": 18_000, "validation": 900, "test": 1_800},
        ),
    ]

    def __init__(
        self,
        *,
        stamps: Path = STAMPS,
        backgrounds: Path | None = None,
        **kwargs,
    ):
        self._stamps = stamps
        self._backgrounds = backgrounds
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        shape = (config.size, config.size)
        return self.dataset_info_from_configs(
            description="Cut-out photographs over photographs.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(*shape, 3)),
                    "label": tfds.features.ClassLabel(
                        names=tuple(KINDS) if config.kinds else CLASSES
                    ),
                    "mask": tfds.features.Image(shape=(*shape, 1)),
                    "stamp": tfds.features.Text(),
                    "background": tfds.features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterable]:
        check_installed(self._stamps, self._backgrounds)
        return super()._split_generators(dl_manager)

    def _generate_examples(
        self, split: str, examples: int
    ) -> Iterator[tuple[int, dict]]:
        config = self.builder_config
        stamps = find_stamps(split, kinds=config.kinds, folder=self._stamps)
        choices = list(stamps.values())
        photographs = find_backgrounds(split, self._backgrounds)
        compositions = render_many(
            compose,
            split,
            examples,
            layout(config.size),
            kinds=config.kinds,
            stamps=os.fspath(self._stamps),
            backgrounds=self._backgrounds and os.fspath(self._backgrounds),
            size=config.size,
            seed=config.seed,
        )
        for index, arrays in enumerate(compositions):
            label = index % len(choices)
            yield (
                index,
                {
                    "image": arrays["image"],
                    "label": label,
                    "mask": arrays["mask"],
                    "stamp": choices[label][arrays["stamp"]].name,
                    "background": photographs[arrays["background"]].name,
                },
            )
