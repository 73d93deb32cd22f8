"""Compares JPEG codecs with `tf.image`, kornia and Pillow.

    python -m benchmarks.jpeg --output docs/results/benchmarks/jpeg.json

Times are of whole batches. Codecs take turns, so that other load on the machine
falls on all alike. Ratios are to `tf.map_fn(tf.image.adjust_jpeg_quality)`.
Goals: `dct` takes at most twice that time and a third of kornia's; random
patches and block maps take at most 1.2 times plain `dct`.

Pictures are those in the folder given with `--images`; else the 20 photographs
in the foolbox package, if installed (their licence is unclear, so none is
copied here); else noise with the spectrum of photographs. kornia is timed if
installed.
"""

import argparse
import importlib.util
import io
import statistics
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks import provenance
from zoo.layers import JPEG
from zoo.layers import RandomPatchJPEG

QUALITY = 75
PATCH_QUALITIES = (40, 60, 80, 90)
ACCURACY_QUALITIES = (10, 30, 50, 75, 90, 95)
ACCURACY_SIZES = ((224, 224), (299, 299), (61, 47))
SUBSAMPLINGS = ("4:2:0", "4:4:4")

Runner = Callable[[], None]


def pictures(folder: Path | None) -> tuple[str, list[Image.Image]]:
    """Returns the source of the pictures, and the pictures."""
    if folder is None and importlib.util.find_spec("foolbox"):
        origin = importlib.util.find_spec("foolbox").origin
        files = sorted(Path(origin).parent.glob("data/imagenet_*.jpg"))
        return "foolbox", [Image.open(file).convert("RGB") for file in files]
    if folder is None:
        return "painted", [painted(seed) for seed in range(20)]
    files = sorted(f for f in folder.iterdir() if f.is_file())
    return folder.name, [Image.open(file).convert("RGB") for file in files]


def painted(seed: int, size: int = 299) -> Image.Image:
    """Returns noise that falls off with frequency as photographs do."""
    rng = np.random.default_rng(seed)
    steps = np.fft.fftfreq(size)
    frequency = np.hypot(steps[:, None], steps)[..., None]
    spectrum = np.fft.fft2(rng.normal(size=(size, size, 3)), axes=(0, 1))
    spectrum /= np.maximum(frequency, 1 / size)
    waves = np.fft.ifft2(spectrum, axes=(0, 1)).real
    waves = waves / waves.std() + waves.mean(axis=2, keepdims=True)
    return Image.fromarray(np.clip(128 + 40 * waves, 0, 255).astype("uint8"))


def resized(images: list[Image.Image], size: tuple[int, int]) -> np.ndarray:
    """Returns bytes of shape `(images, *size, 3)`."""
    return np.stack([np.asarray(image.resize(size[::-1])) for image in images])


def zoo_runners(images: tf.Tensor) -> Iterator[tuple[str, Runner]]:
    batch, height, width, _ = images.shape
    blocks = (batch, -(-height // 8), -(-width // 8))
    quality_map = tf.random.uniform(blocks, 20, 95, seed=0)
    plain = JPEG(QUALITY)
    library = JPEG(QUALITY, codec="libjpeg")
    codecs = {
        "dct": plain,
        "dct, random patches": RandomPatchJPEG(PATCH_QUALITIES),
        "dct, block map": lambda x: plain(x, quality_map=quality_map),
        "dct, 4:4:4": JPEG(QUALITY, subsampling="4:4:4"),
        "dct, with gradient": lambda x: with_gradient(plain, x),
        "libjpeg": library,
    }
    for name, codec in codecs.items():
        yield name, compiled(codec, images)


def tensorflow_runners(images: tf.Tensor) -> Iterator[tuple[str, Runner]]:
    def adjust(images, quality=QUALITY):
        return tf.map_fn(
            lambda image: tf.image.adjust_jpeg_quality(image, quality), images
        )

    def four_passes(images):
        batch, height, width, _ = images.shape
        passes = tf.stack([adjust(images, q) for q in PATCH_QUALITIES], axis=1)
        draws = tf.random.uniform((batch, 2, 2), 0, 4, tf.int32)
        draws = tf.repeat(tf.repeat(draws, height // 2, 1), width // 2, 2)
        chosen = tf.one_hot(draws, 4, axis=1)
        return tf.reduce_sum(passes * chosen[..., None], axis=1)

    yield "tf.map_fn(adjust_jpeg_quality)", compiled(adjust, images)
    yield "four such passes, merged", compiled(four_passes, images)


def kornia_runners(images: tf.Tensor) -> Iterator[tuple[str, Runner]]:
    import torch
    from kornia.enhance import jpeg_codec_differentiable

    planes = torch.from_numpy(images.numpy().transpose(0, 3, 1, 2).copy())
    quality = torch.full((len(planes),), float(QUALITY))

    def run():
        with torch.no_grad():
            jpeg_codec_differentiable(planes, quality)

    yield "kornia.jpeg_codec_differentiable", run


def compiled(codec: Callable, images: tf.Tensor) -> Runner:
    function = tf.function(lambda images: codec(images))
    return lambda: function(images).numpy()


def with_gradient(codec: Callable, images: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        compressed = codec(images)
    return tape.gradient(compressed, images, output_gradients=compressed)


def time_all(runners: dict[str, Runner], rounds: int) -> list[dict]:
    """Returns median seconds and median ratios to the reference."""
    times = {name: [] for name in runners}
    for run in runners.values():
        run()
        run()
    for _ in range(rounds):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    reference = times["tf.map_fn(adjust_jpeg_quality)"]
    return [
        {
            "codec": name,
            "seconds": statistics.median(seconds),
            "ratio": statistics.median(
                mine / its for mine, its in zip(seconds, reference, strict=True)
            ),
        }
        for name, seconds in times.items()
    ]


def with_pillow(images: np.ndarray, quality: int, subsampling: str):
    decoded = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(
            file, "JPEG", quality=quality, subsampling=subsampling
        )
        decoded.append(np.asarray(Image.open(file)))
    return np.stack(decoded).astype("float32")


def compare_with_pillow(images: list[Image.Image]) -> Iterator[dict]:
    """Yields differences of the `dct` codec from libjpeg, in grey levels."""
    for size in ACCURACY_SIZES:
        originals = resized(images, size)
        for subsampling in SUBSAMPLINGS:
            for quality in ACCURACY_QUALITIES:
                layer = JPEG(quality, subsampling=subsampling)
                mine = 255 * np.asarray(layer(originals.astype("f4") / 255))
                theirs = with_pillow(originals, quality, subsampling)
                difference = np.abs(np.round(mine) - theirs)
                yield {
                    "size": f"{size[0]}x{size[1]}",
                    "subsampling": subsampling,
                    "quality": quality,
                    "mean_difference": float(difference.mean()),
                    "within_3": float((difference <= 3).mean()),
                    "equal": float((difference == 0).mean()),
                }


def tables(report: dict) -> Iterator[Table]:
    batch, size = report["batch"], report["size"]
    table = Table(
        "codec",
        "ms an image",
        "ratio",
        title=f"{batch} images of {size}x{size}, quality {QUALITY}",
    )
    for row in report["speed"]:
        milliseconds = 1000 * row["seconds"] / batch
        table.add_row(
            row["codec"], f"{milliseconds:.2f}", f"{row['ratio']:.2f}"
        )
    yield table
    table = Table(
        "size",
        "chroma",
        "quality",
        "mean difference",
        "within 3",
        "equal",
        title=f"dct against Pillow, grey levels ({report['images']})",
    )
    for row in report["accuracy"]:
        table.add_row(
            row["size"],
            row["subsampling"],
            str(row["quality"]),
            f"{row['mean_difference']:.3f}",
            f"{row['within_3']:.2%}",
            f"{row['equal']:.2%}",
        )
    yield table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224, help="even")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--images", type=Path, help="a folder of pictures")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)

    source, images = pictures(options.images)
    batch = resized(images, (options.size, options.size))
    batch = np.resize(batch, (options.batch, *batch.shape[1:]))
    batch = tf.constant(batch.astype("float32") / 255)
    runners = {**dict(tensorflow_runners(batch)), **dict(zoo_runners(batch))}
    if importlib.util.find_spec("kornia"):
        runners.update(kornia_runners(batch))
    report = {
        "images": source,
        "batch": options.batch,
        "size": options.size,
        "speed": time_all(runners, options.rounds),
        "accuracy": list(compare_with_pillow(images)),
    }
    for table in tables(report):
        Console().print(table)
    if options.output:
        provenance.write(options.output, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
