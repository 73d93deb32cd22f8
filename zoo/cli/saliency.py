"""Saliency maps of `zoo compress`: by a model or from pictures, and drawn."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.atomic_write import atomic_write
from zoo.cli.models import NamedModel
from zoo.pictures import read_picture

if TYPE_CHECKING:
    import keras
    import numpy as np

    from zoo.pictures import StoredPicture

DEFAULT_MODEL = "semantic_jpeg_wrn10_2"
"""Preset whose map is taken if neither model nor picture is named."""

_SIDE = 256
"""Longer side of what a model of any size is shown, in pixels."""

_SHOWN = 1000
"""Longer side of a picture that is drawn, in pixels."""

_RULE = (
    "A saliency model must be a preset or a .keras file that maps images to "
    "one map each or explains its verdict by one, or a classifier that ends "
    "in global pooling and one dense layer."
)


def parse_saliency(
    options: argparse.Namespace,
) -> "ModelSaliency | PictureSaliency":
    """Finds out what `--model` or `--saliency` names, without TensorFlow.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If both are given, or the model is of no kind that has
            saliency.
    """
    if options.model is not None and options.saliency is not None:
        raise ValueError(
            "--semantic takes one saliency: --model NAME or --saliency PATH. "
            "Received: both"
        )
    if options.saliency is None:
        named = NamedModel.parse(
            DEFAULT_MODEL if options.model is None else options.model,
            kinds=("preset", "keras_file"),
            rule=_RULE,
            trusted=options.trust,
        )
        return ModelSaliency(named, options.seed)
    path = options.saliency
    if options.source.is_dir() != path.is_dir():
        raise ValueError(
            "--saliency must be a picture for a picture, a folder for a "
            f"folder. Received: --saliency={path} for {options.source}"
        )
    if not path.exists():
        raise FileNotFoundError(
            f"The saliency map must exist. Received: --saliency={path}"
        )
    return PictureSaliency(path, options.source)


@dataclasses.dataclass
class ModelSaliency:
    """Maps that a model makes of pictures' small upright copies.

    Args:
        named: The model.
        seed: Of its random draws, for each picture anew.
    """

    named: NamedModel
    seed: int
    _model: "keras.Model | None" = None

    def find(self, picture: "StoredPicture", _: Path) -> "np.ndarray":
        """Returns the map of a picture, in its size and as it lies.

        Args:
            picture: The picture.

        Returns:
            float32 in [0, 1], `(height, width)`.

        Raises:
            ValueError: If the map is not in [0, 1].
        """
        import numpy as np
        from keras import ops

        from zoo.pictures import fit_picture
        from zoo.training.evaluation.engine.randomness import owned_randomness

        *size, channels = self._model.input_shape[1:]
        upright = picture.turn_upright(picture.image)
        if None in size:
            scale = min(1, _SIDE / max(upright.size))
            size = [max(1, round(side * scale)) for side in upright.size[::-1]]
        images = fit_picture(upright, (*size, channels))[None] / np.float32(255)
        with owned_randomness([self._model], seed=self.seed) as reseed:
            reseed("saliency", 0)
            found = self._model(images, training=False)
        found = ops.convert_to_numpy(found)[0].astype("float32")
        if not (found.min() >= 0 and found.max() <= 1):  # NaN is in no range.
            raise ValueError(
                "A saliency map must be in [0, 1]. Received: values from "
                f"{found.min()} to {found.max()} of {self.named.name}"
            )
        return _spread(found, picture)

    def load(self) -> None:
        """Loads the model.

        Raises:
            ValueError: If it gives no map, or cannot be loaded.
        """
        import keras

        from zoo.inspection import check_float_input
        from zoo.inspection import explanation
        from zoo.inspection import input_shape

        model = self.named.load(classifier=False)
        check_float_input(model)
        shape = input_shape(model)
        explained = explanation(model)
        output = None
        if explained is not None:
            output = explained.output.get("saliency")
        elif shape is not None and len(model.outputs) == 1:
            if len(model.output_shape) == 2:
                model = self._class_maps(model)
            output = model.outputs[0]
        if output is None or len(output.shape) != 3:
            raise ValueError(f"{_RULE} Received: {self.named.name}")
        channels = model.input_shape[-1]
        if channels not in (1, 3):
            raise ValueError(
                "A saliency model must take images of 1 channel, grey, or 3, "
                f"RGB, the channels last. Received: {self.named.name} of "
                f"shape {model.input_shape}"
            )
        self._model = keras.Model(model.inputs[0], output)

    def _class_maps(self, classifier: "keras.Model") -> "keras.Model":
        """Returns Aug-MSROI of a classifier."""
        from zoo.models import saliency_model

        try:
            return saliency_model(classifier, augmented=True, seed=self.seed)
        except ValueError as error:
            received = str(error).rpartition("Received: ")[2]
            raise ValueError(f"{_RULE} Received: {received}") from error


@dataclasses.dataclass(frozen=True)
class PictureSaliency:
    """Maps in grey pictures: black is least salient, white most.

    Args:
        path: A picture, or a folder that holds one for each picture of
            `source`, a PNG of the same name.
        source: The picture, or the pictures' folder.
    """

    path: Path
    source: Path

    def find(self, picture: "StoredPicture", file: Path) -> "np.ndarray":
        """Returns the map of a picture, in its size and as it lies.

        Args:
            picture: The picture.
            file: Its file.

        Returns:
            float32 in [0, 1], `(height, width)`.

        Raises:
            ValueError: If there is no map, or it is no picture.
        """
        path = self.path
        if self.source.is_dir():
            path /= file.relative_to(self.source).with_suffix(".png")
        grey = read_picture(path, (None, None, 1))
        return _spread(grey[..., 0].astype("float32") / 255, picture)


def draw_map(
    picture: "StoredPicture",
    saliency: "np.ndarray",
    quality: "np.ndarray",
    path: Path,
    *,
    title: str,
) -> None:
    """Draws picture, saliency and qualities side by side, upright, as PNG.

    Args:
        picture: The picture.
        saliency: As `find` gives it.
        quality: Of each 8x8 block.
        path: File to write.
        title: Heading.

    Raises:
        OSError: If the file cannot be written.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    def upright(values):
        values = Image.fromarray(values.astype("float32"))
        return picture.turn_upright(values)

    shown = picture.turn_upright(picture.image.convert("RGB"))
    shown.thumbnail((_SHOWN, _SHOWN))
    found = upright(saliency).resize(shown.size, Image.Resampling.BILINEAR)
    panels = (
        ("picture", shown, {}),
        ("saliency", found, {"cmap": "inferno", "vmin": 0, "vmax": 1}),
        ("quality", upright(quality), {"cmap": "viridis"}),
    )
    width, height = shown.size
    tall = min(12.0, max(1.5, 3.6 * height / width)) + 0.6
    figure = Figure((12, tall), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for axes, (name, image, look) in zip(
        figure.subplots(1, 3), panels, strict=True
    ):
        drawn = axes.imshow(
            np.asarray(image),
            extent=(0, width, height, 0),
            interpolation="nearest",
            **look,
        )
        axes.set_title(name)
        axes.set_axis_off()
        if look:
            figure.colorbar(drawn, ax=axes, shrink=0.8)
    figure.suptitle(title, parse_math=False)
    with atomic_write(path) as temporary:
        canvas.print_png(temporary)


def map_file(target: Path) -> Path:
    """Returns where the drawing beside a compressed file is written."""
    return target.with_suffix(".map.png")


def _spread(saliency: "np.ndarray", picture: "StoredPicture") -> "np.ndarray":
    """Lays an upright map as the picture lies, and resizes it to its size."""
    import numpy as np
    from PIL import Image

    height, width, _ = picture.pixels.shape
    lying = picture.turn_back(Image.fromarray(saliency))
    resized = lying.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized).clip(0, 1)
