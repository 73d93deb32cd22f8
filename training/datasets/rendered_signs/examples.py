"""The pictures of a split, by number."""

from zoo.training.datasets.lisa_classes import LISA_CLASSES
from zoo.training.datasets.rendered_signs.random_streams import stream
from zoo.training.datasets.rendered_signs.rendering import Rendering
from zoo.training.datasets.rendered_signs.rendering import render_crop
from zoo.training.datasets.rendered_signs.rendering import render_scene
from zoo.training.datasets.rendered_signs.sign import Sign


def crop(split: str, index: int, *, size: int = 32, seed: int = 0) -> Rendering:
    """Renders a cut-out sign, which only the arguments decide.

    Classes come in turn: `index % 17` is the label.

    Args:
        split: "train", "validation" or "test".
    """
    rng = stream(split, seed, index)
    sign = Sign.random(index % len(LISA_CLASSES), rng)
    return render_crop(sign, size, rng)


def scene(
    split: str, index: int, *, size: int = 128, seed: int = 0
) -> Rendering:
    """Renders a sign in a roadside scene, as `crop` does a cut-out one."""
    rng = stream(split, seed, index)
    sign = Sign.random(index % len(LISA_CLASSES), rng)
    return render_scene(sign, size, rng)
