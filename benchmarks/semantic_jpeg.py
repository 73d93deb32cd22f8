"""Measures files of variable quality: what they keep, who reads them, time.

    python -m benchmarks.semantic_jpeg \\
        --output docs/results/benchmarks/semantic_jpeg.json

Needs the 20 photographs in the foolbox package (their licence is unclear, so
none is copied here), with a box drawn by hand around the object of each. If
Debian's `tuxpaint-stamps-default` is installed, the same photographs with an
animal's cut-out in the middle are measured too, its outline for the object.
The object is the saliency map, a mask, and the rule is `linear`.

Goals: at the bytes of plain JPEG of quality 50, the object's PSNR is 2 dB
higher in the mean; decoders differ by 2 levels at most; a file decodes to what
the layer computes, within half a level in the mean; the layer takes at most 1.2
times plain `dct` JPEG; `zoo compress` writes 5 photographs of 12 megapixels a
minute in less than 2 GB.
"""

import argparse
import importlib.util
import io
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks import provenance
from zoo.jpeg.file_writer import TransformedPicture
from zoo.layers import JPEG
from zoo.layers import QualityMap
from zoo.layers import SemanticJPEG

MATCHED = 50
LOWEST = (20, 10)
RANGES = ((20, 100), (20, 90))
SUBSAMPLINGS = ("4:2:0", "4:4:4")
BUILDS = ("6b", "turbo210", "mozjpeg403", "9f")
STAMPS = Path("/usr/share/tuxpaint/stamps/animals/mammals")
SIDE = 512
LARGE = (4000, 3000)
COMMAND = """
import re, sys
from pathlib import Path
from zoo.cli import main
status = main(sys.argv[1:])
print(re.search("VmHWM:.*", Path("/proc/self/status").read_text())[0])
sys.exit(status)
"""
"""Runs `zoo`, then prints the most memory that it has held."""

# Left, top, right and bottom of each photograph's object, in tenths.
BOXES = (
    (2.3, 1.0, 6.1, 9.0),
    (2.7, 3.4, 7.0, 9.8),
    (3.8, 4.0, 10.0, 9.8),
    (0.8, 2.5, 8.8, 9.8),
    (3.8, 0.4, 6.2, 5.2),
    (1.8, 0.8, 10.0, 5.5),
    (2.0, 2.6, 8.3, 6.8),
    (0.6, 3.0, 9.9, 7.8),
    (0.2, 4.3, 10.0, 8.2),
    (0.7, 1.6, 9.2, 9.2),
    (1.2, 1.0, 9.3, 9.5),
    (0.0, 1.7, 10.0, 7.0),
    (0.2, 0.4, 10.0, 10.0),
    (0.2, 1.2, 8.8, 8.9),
    (3.4, 3.2, 5.2, 6.0),
    (4.3, 3.6, 6.9, 9.6),
    (1.2, 0.2, 8.4, 8.0),
    (0.0, 2.3, 10.0, 7.0),
    (2.6, 1.6, 7.7, 9.0),
    (2.4, 2.5, 8.2, 7.6),
)


def photographs() -> list[Image.Image]:
    origin = importlib.util.find_spec("foolbox").origin
    files = sorted(Path(origin).parent.glob("data/imagenet_*.jpg"))
    pictures = [Image.open(file).convert("RGB") for file in files]
    return [
        picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        for picture in pictures
    ]


def with_boxes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pixels, and where the object is."""
    for picture, box in zip(photographs(), BOXES, strict=True):
        left, top, right, bottom = (round(SIDE * side / 10) for side in box)
        mask = np.zeros((SIDE, SIDE), bool)
        mask[top:bottom, left:right] = True
        yield np.asarray(picture), mask


def with_cutouts() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields pixels, and where the animal is."""
    drawn = ("cartoon", "toys")
    stamps = [
        path
        for path in sorted(STAMPS.rglob("*.png"))
        if not set(drawn) & set(path.parts)
    ]
    pictures = photographs()
    for index, picture in enumerate(pictures):
        stamp = Image.open(stamps[index * len(stamps) // len(pictures)])
        stamp = stamp.convert("RGBA")
        stamp = stamp.crop(stamp.getchannel("A").getbbox())
        scale = 0.5 * SIDE / max(stamp.size)
        stamp = stamp.resize([round(scale * side) for side in stamp.size])
        place = [(SIDE - side) // 2 for side in stamp.size]
        picture.paste(stamp, place, stamp)
        alpha = Image.new("L", picture.size)
        alpha.paste(stamp.getchannel("A"), place)
        yield np.asarray(picture), np.asarray(alpha) > 127


def decode(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file))).astype("float64")


def psnr(pixels: np.ndarray, decoded: np.ndarray, where) -> float:
    error = ((pixels - decoded) ** 2)[where].mean()
    return float(10 * np.log10(255**2 / error))


def measure_quality(pictures: list, lowest: int) -> list[dict]:
    """PSNR beyond plain JPEG's at the same bytes, a row a photograph."""
    rows = []
    for pixels, mask in pictures:
        picture = TransformedPicture(pixels)
        blocks = mask.reshape(SIDE // 8, 8, SIDE // 8, 8)
        written, quality, plain = picture.match_size(
            blocks.any(axis=(1, 3)).astype("float64"),
            min_quality=lowest,
            match_quality=MATCHED,
            exact=True,
        )
        uniform = picture.encode(np.full(picture.blocks, MATCHED), exact=True)
        before, after = decode(uniform), decode(written)
        rows.append(
            {
                "share": float(mask.mean()),
                "qualities": [int(quality.min()), int(quality.max())],
                "bytes": len(written),
                "plain_bytes": plain,
                **{
                    part: psnr(pixels, after, where)
                    - psnr(pixels, before, where)
                    for part, where in (
                        ("object", mask),
                        ("around", ~mask),
                        ("all", mask | True),
                    )
                },
            }
        )
    return rows


def decoders(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields each decoder's pixels of a file."""
    import jpeglib

    file = path.read_bytes()
    yield (
        "TensorFlow",
        tf.io.decode_jpeg(file, dct_method="INTEGER_ACCURATE").numpy(),
    )
    pnm = path.with_suffix(".ppm")
    for name, command in {
        "djpeg": ["djpeg", "-outfile", pnm, path],
        "ImageMagick": ["convert", path, pnm],
    }.items():
        if shutil.which(command[0]):
            subprocess.run(command, check=True)
            yield name, np.asarray(Image.open(pnm))
    for build in BUILDS:
        jpeglib.version.set(build)
        yield f"libjpeg {build}", jpeglib.read_spatial(str(path)).spatial
    jpeglib.version.set(BUILDS[0])


def smooth_map(pixels: np.ndarray) -> np.ndarray:
    """Where detail is, in [0, 1]: smooth and uneven, as saliency is."""
    grey = Image.fromarray(pixels).convert("L")
    small = grey.resize([side // 8 for side in grey.size])
    detail = np.asarray(grey, "float32") - np.asarray(small.resize(grey.size))
    coarse = Image.fromarray(np.abs(detail)).resize((8, 8), Image.BOX)
    spread = np.asarray(coarse.resize(grey.size, Image.BICUBIC))
    return (spread - spread.min()) / np.ptp(spread)


def measure_agreement(pictures: list) -> tuple[list[dict], list[dict]]:
    """Differences between decoders and Pillow; between files and layer."""
    between, to_layer = {}, []
    for subsampling in SUBSAMPLINGS:
        for lowest, highest in RANGES:
            of_writers = {True: [], False: []}
            for pixels, _ in pictures:
                quality = QualityMap(lowest, highest)(smooth_map(pixels)[None])
                picture = TransformedPicture(pixels, subsampling)
                computed = JPEG(subsampling=subsampling)(
                    pixels[None].astype("float32") / 255, quality_map=quality
                )[0]
                for exact, found in of_writers.items():
                    file = picture.encode(np.asarray(quality)[0], exact=exact)
                    decoded = decode(file)
                    difference = np.abs(decoded - 255 * np.asarray(computed))
                    found.append(float(difference.mean()))
                    with tempfile.TemporaryDirectory() as folder:
                        path = Path(folder) / "file.jpg"
                        path.write_bytes(file)
                        for name, other in decoders(path):
                            key = subsampling, name
                            most = float(np.abs(decoded - other).max())
                            between[key] = max(between.get(key, 0), most)
            to_layer += [
                {
                    "subsampling": subsampling,
                    "qualities": [lowest, highest],
                    "writer": "jpeglib" if exact else "Pillow",
                    "mean": statistics.mean(found),
                    "worst": max(found),
                }
                for exact, found in of_writers.items()
            ]
    return [
        {"subsampling": subsampling, "decoder": name, "largest": largest}
        for (subsampling, name), largest in between.items()
    ], to_layer


def time_layer(rounds: int) -> dict:
    """Median seconds of a batch, in turns, and the median ratio."""
    images = tf.random.uniform((32, 224, 224, 3), seed=0)
    saliency = tf.random.uniform((32, 224, 224), seed=1)
    plain, semantic = JPEG(75), SemanticJPEG()
    runners = [
        tf.function(lambda: plain(images)),
        tf.function(lambda: semantic(images, saliency)),
    ]
    seconds = []
    for _ in range(rounds + 2):
        turn = []
        for run in runners:
            start = time.perf_counter()
            run().numpy()
            turn.append(time.perf_counter() - start)
        seconds.append(turn)
    before, after = zip(*seconds[2:], strict=True)
    return {
        "plain": statistics.median(before),
        "semantic": statistics.median(after),
        "ratio": statistics.median(
            b / a for a, b in zip(before, after, strict=True)
        ),
    }


def time_command(count: int) -> Iterator[dict]:
    """Times `zoo compress` on a folder of large photographs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        rng = np.random.default_rng(0)
        for index, picture in enumerate(photographs()[:count]):
            pixels = np.asarray(picture.resize(LARGE, Image.BICUBIC))
            noise = rng.normal(0, 3, pixels.shape)
            pixels = np.clip(pixels + noise, 0, 255).astype("uint8")
            Image.fromarray(pixels).save(folder / f"in/{index}.jpg", quality=95)
        images = keras.Input((128, 128, 3))
        model = folder / "brightness.keras"
        keras.Model(images, ops.mean(images, -1)).save(model)
        for extra in ([], ["--match-quality", str(MATCHED)]):
            command = ["compress", folder / "in", folder / "out", "--semantic"]
            command += ["--model", model, "--overwrite", *extra]
            start = time.perf_counter()
            finished = subprocess.run(
                [sys.executable, "-c", COMMAND, *command],
                check=True,
                stdout=subprocess.PIPE,
            )
            seconds = time.perf_counter() - start
            kilobytes = int(finished.stdout.split()[-2])
            yield {
                "options": extra,
                "photographs": count,
                "seconds": seconds,
                "a_minute": 60 * count / seconds,
                "gigabytes": kilobytes * 1024 / 1e9,
            }


def tables(report: dict) -> Iterator[Table]:
    table = Table(
        *("object", "lowest quality", "mean dB", "worst dB"),
        *("around it", "all", "largest difference in bytes"),
        title=f"PSNR beyond plain JPEG's, at the bytes of its q{MATCHED}",
    )
    for row in report["quality"]:
        photos = row["photographs"]
        sizes = [abs(p["bytes"] / p["plain_bytes"] - 1) for p in photos]
        table.add_row(
            row["object"],
            str(row["lowest_quality"]),
            *(f"{row['mean']:.2f}", f"{row['worst']:.2f}"),
            *(
                f"{statistics.mean(p[part] for p in photos):.2f}"
                for part in ("around", "all")
            ),
            f"{max(sizes):.2%}",
        )
    yield table
    table = Table("chroma", "decoder", "largest difference from Pillow's")
    for row in report["decoders"]:
        table.add_row(row["subsampling"], row["decoder"], f"{row['largest']:g}")
    yield table
    table = Table(
        *("chroma", "qualities", "writer", "mean", "worst photograph"),
        title="Difference of files from the layer, grey levels",
    )
    for row in report["layer"]:
        table.add_row(
            row["subsampling"],
            "{} to {}".format(*row["qualities"]),
            row["writer"],
            *(f"{row['mean']:.3f}", f"{row['worst']:.3f}"),
        )
    yield table
    table = Table("what", "result", title="Time")
    speed = report["layer_time"]
    table.add_row("layer, of plain dct JPEG's time", f"{speed['ratio']:.2f}")
    for row in report["command"]:
        table.add_row(
            " ".join(["zoo compress --semantic", *row["options"]]),
            f"{row['a_minute']:.1f} photographs of 12 megapixels a minute, "
            f"{row['gigabytes']:.2f} GB at most",
        )
    yield table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--large", type=int, default=10, help="photographs")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)

    sets = {"box": list(with_boxes())}
    if STAMPS.is_dir():
        sets["cut-out"] = list(with_cutouts())
    quality = []
    for name, pictures in sets.items():
        for lowest in LOWEST:
            rows = measure_quality(pictures, lowest)
            gains = [row["object"] for row in rows]
            quality.append(
                {
                    "object": name,
                    "lowest_quality": lowest,
                    "mean": statistics.mean(gains),
                    "worst": min(gains),
                    "photographs": rows,
                }
            )
    between, to_layer = measure_agreement(sets["box"])
    report = {
        "matched_quality": MATCHED,
        "quality": quality,
        "decoders": between,
        "layer": to_layer,
        "layer_time": time_layer(options.rounds),
        "command": list(time_command(options.large)),
    }
    for table in tables(report):
        Console().print(table)
    if options.output:
        provenance.write(options.output, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
