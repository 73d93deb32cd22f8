"""What compression costs the picture, inside the object and overall."""

import statistics

import keras
import numpy as np
import tensorflow as tf

from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.semantic_jpeg import paper
from zoo.training.reproduction.semantic_jpeg.attack_cache import AUGMENTED
from zoo.training.reproduction.semantic_jpeg.attack_cache import EQUAL
from zoo.training.reproduction.semantic_jpeg.attack_cache import (
    MATCHED_AUGMENTED,
)
from zoo.training.reproduction.semantic_jpeg.attack_cache import MATCHED_MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import MSROI
from zoo.training.reproduction.semantic_jpeg.attack_cache import NONE
from zoo.training.reproduction.semantic_jpeg.attack_cache import ROUNDED
from zoo.training.reproduction.semantic_jpeg.attack_cache import AttackCache
from zoo.training.reproduction.semantic_jpeg.attack_cache import plain_jpeg
from zoo.training.reproduction.semantic_jpeg.recovered_accuracy import (
    mean_bytes,
)

_WINDOW = 11
"""Pixels on a side of SSIM's Gaussian window, as published."""


def image_quality(cache: AttackCache) -> Exhibit:
    """Measures PSNR, SSIM and bytes of the clean images beside accuracy."""
    examples = cache.examples
    rows = {}
    for name, model in cache.defenses.items():
        if name in (NONE, ROUNDED):
            continue
        pixels = cache.run(compressing(model), examples.images, name)
        rows[name] = {
            **compare(examples.images, pixels, examples.masks),
            "bytes": mean_bytes(cache, name),
            "accuracy": statistics.mean(
                cache.accuracy(name, attack) for attack in paper.ATTACKS
            ),
        }
    plain = plain_jpeg(cache.settings.match_quality)
    gains = (
        f"{rows[name]['psnr_object'] - rows[other]['psnr_object']:+.1f} dB "
        f"from {other} to {name}"
        for name, other in (
            (MSROI, EQUAL),
            (AUGMENTED, EQUAL),
            (MATCHED_MSROI, plain),
            (MATCHED_AUGMENTED, plain),
        )
    )
    return Exhibit(
        name="quality",
        title="Image quality against accuracy",
        header=(
            *("", "bytes", "PSNR", "PSNR, object", "SSIM", "SSIM, object"),
            "accuracy, mean of six attacks",
        ),
        rows=tuple(
            (
                name,
                f"{row['bytes']:,.0f}",
                *(f"{row[key]:.1f}" for key in ("psnr", "psnr_object")),
                *(f"{row[key]:.3f}" for key in ("ssim", "ssim_object")),
                f"{100 * row['accuracy']:.1f}",
            )
            for name, row in rows.items()
        ),
        notes=(
            f"Means over {len(examples.images)} clean test images. PSNR in "
            "dB, of all three channels; SSIM of each channel with a Gaussian "
            "window of 11 pixels. *Object*: the pixels of the object's mask; "
            "of SSIM, the windows centred there.",
            f"The object's PSNR at equal bytes: {', '.join(gains)}.",
        ),
        data={"rows": rows},
        provenance=cache.provenance(),
    )


def compare(
    images: np.ndarray, compressed: np.ndarray, masks: np.ndarray
) -> dict[str, float]:
    """Returns mean PSNR and SSIM, overall and inside the masks.

    Args:
        images: `(images, height, width, channels)` in [0, 1].
        compressed: Of the same shape.
        masks: Which pixels are the object's, `(images, height, width)`; none
            empty.
    """
    errors = ((images - compressed) ** 2).mean(-1)
    margin = _WINDOW // 2
    similar = tf.image.ssim(
        tf.constant(images, "float32"),
        tf.constant(compressed, "float32"),
        1.0,
        filter_size=_WINDOW,
        return_index_map=True,
    ).numpy()
    if similar.ndim == 4:
        similar = similar.mean(-1)
    inner = masks[:, margin:-margin, margin:-margin]
    shown = inner.any((1, 2))
    return {
        "psnr": psnr(errors.mean((1, 2))),
        "psnr_object": psnr((errors * masks).sum((1, 2)) / masks.sum((1, 2))),
        "ssim": float(similar.mean()),
        "ssim_object": float(
            np.mean(
                (similar * inner).sum((1, 2))[shown] / inner.sum((1, 2))[shown]
            )
        ),
    }


def compressing(model: keras.Model) -> keras.Model:
    """Returns a model from images to what the classifier behind JPEG sees."""
    compressed = model.get_layer("compression").output
    return keras.Model(model.inputs[0], compressed)


def psnr(errors: np.ndarray) -> float:
    """Returns the mean in dB of each image's peak signal to noise ratio.

    Args:
        errors: Each image's mean squared error, pixels in [0, 1].
    """
    return float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12))))
