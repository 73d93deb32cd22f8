"""The FFT figures: what stickers do to the spectra of images and maps."""

from pathlib import Path

import keras
import numpy as np

from zoo.atomic_write import atomic_write
from zoo.layers import Blur
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.evaluation.plots.image_grid import ImageGrid
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import verdict

PLACES = ("pixels", "first-layer maps", "second-layer maps")
_COLUMNS = ("natural", "perturbed", "difference")
_DRAWN = 3  # Channels or maps of each place.


HALF_NYQUIST = 0.25
"""Cycles a pixel."""


def spectra(bench: StickerCache, output: Path) -> Exhibit:
    """Measures the energy above half Nyquist and draws the baseline's spectra.

    Args:
        output: Folder to draw to.
    """
    shares = {
        name: None if bench.model(name) is None else _shares(bench, name)
        for name in paper.WHITE_BOX
    }
    baseline = shares[paper.BASELINE]
    if baseline is not None:
        _draw(bench, output / "fft.png")
    filters = {
        name: _filter_share(bench.model(name))
        for name, places in shares.items()
        if places is not None
    }
    rows = []
    for name, places in shares.items():
        if places is None:
            rows.append((f"`{name}`: {bench.missing}", *("–",) * 4))
            continue
        rows += [
            (
                f"`{name}`",
                place,
                *(f"{100 * values[column]:.1f}" for column in _COLUMNS),
            )
            for place, values in places.items()
        ]
    return Exhibit(
        name="fft",
        title="FFT: energy above half the Nyquist frequency",
        header=("preset", "of", *_COLUMNS),
        rows=tuple(rows),
        notes=(
            "In percent of the energy without the mean, over the held-out "
            f"views of {bench.settings.seeds} signs and, perturbed, all "
            "targets; stickers as in table 2. Maps are what the next "
            "convolution takes, so behind the filter, if there is one. White "
            "noise would have about 80.",
            *(
                f"Of what the learned filters of `{name}` let through of "
                f"white noise, {share:.1%} is up there; of random filters, "
                f"where they start, {_RANDOM:.1%}."
                for name, share in filters.items()
                if share is not None
            ),
            "The picture: log magnitudes of one view of the baseline, low "
            "frequencies in the centre, each scaled to its own largest; the "
            "maps whose energy the sticker changes most.",
            *(
                verdict(
                    f"The baseline's {place}: the sticker's change has more "
                    "of its energy up there than the natural view",
                    baseline and baseline[place]["natural"],
                    baseline and baseline[place]["difference"],
                )
                for place in PLACES
            ),
        ),
        picture=None if baseline is None else "fft.png",
        data={"shares": shares, "filters": filters},
        provenance=bench.provenance(*paper.WHITE_BOX),
    )


def _probe(model: keras.Model) -> keras.Model:
    """Returns a model of what each of the first three layers takes."""
    layers = [model.get_layer(name) for name in ("conv1", "conv2", "conv3")]
    return keras.Model(model.input, [layer.input for layer in layers])


def _shares(bench, name):
    """Returns, by place and column, the share of energy."""
    probe = _probe(bench.model(name))
    totals = {place: dict.fromkeys(_COLUMNS, 0.0) for place in PLACES}
    for seed in bench.seeds:
        sign = bench.sign(seed)
        natural = probe.predict(sign.held_out, verbose=0)
        for sticker in bench.stickers(name, seed):
            perturbed = probe.predict(sign.apply(sticker), verbose=0)
            for place, before, after in zip(
                PLACES, natural, perturbed, strict=True
            ):
                columns = before, after, after - before
                for column, maps in zip(_COLUMNS, columns, strict=True):
                    totals[place][column] += energy(maps).sum((0, 3))
    return {
        place: {
            column: high_frequency_share(spectrum)
            for column, spectrum in spectra_of.items()
        }
        for place, spectra_of in totals.items()
    }


def _filter_share(model: keras.Model) -> float | None:
    """Returns the learned filters' share; `None` if it has none."""
    for layer in model.layers:
        if isinstance(layer, Blur) and layer.learned:
            kernels = keras.ops.convert_to_numpy(layer.depthwise_kernel)
            return high_frequency_share(filter_response(kernels))
    return None


def _draw(bench, path):
    """Draws the spectra of the first sign's first held-out view."""
    seed, model = bench.seeds[0], bench.model(paper.BASELINE)
    sign, stickers = bench.sign(seed), bench.stickers(paper.BASELINE, seed)
    success = bench.score(model, stickers, seed).success
    adversarial = sign.apply(stickers[success.argmax()])
    natural, perturbed = (
        [maps[0] for maps in _probe(model).predict(images[:1], verbose=0)]
        for images in (sign.held_out, adversarial)
    )
    sheet = ImageGrid(
        len(_COLUMNS),
        [1] * (_DRAWN * len(PLACES)),
        title="Spectra of one view, natural and with a sticker",
        dpi=144,
    )
    row = 0
    for place, before, after in zip(PLACES, natural, perturbed, strict=True):
        change = energy((after - before)[None]).sum((0, 1, 2))
        drawn = sorted(np.argsort(change)[-_DRAWN:])
        for channel in drawn:
            sheet.label(row, place.split()[0], f"channel {channel}")
            columns = before, after, after - before
            for column, maps in enumerate(columns):
                spectrum = log_spectrum(maps[..., channel])
                sheet.image(row, column, spectrum[..., None])
                sheet.caption(row, column, [(_COLUMNS[column], FAINT)])
            row += 1
    with atomic_write(path) as temporary:
        sheet.write_png(temporary)


def energy(maps: np.ndarray) -> np.ndarray:
    """Returns the energy of each frequency, `|FFT|^2`, the mean left out.

    Args:
        maps: `(batch, height, width, channels)`.

    Returns:
        Of the same shape, frequencies as `np.fft.fftfreq` orders them.
    """
    spectrum = np.abs(np.fft.fft2(maps, axes=(1, 2))) ** 2
    spectrum[:, 0, 0] = 0
    return spectrum


def high_frequency_share(spectrum: np.ndarray) -> float:
    """Returns the part of the energy above half the Nyquist frequency.

    The frequency of a wave is its own, whatever its direction, so the corners
    of the spectrum, up to 0.71 cycles a pixel, are above. White noise has
    about 0.8.

    Args:
        spectrum: `(height, width)`, a sum of what `energy` returns.
    """
    height, width = spectrum.shape
    frequencies = np.hypot(
        np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    )
    high = spectrum[frequencies > HALF_NYQUIST].sum()
    return float(high / spectrum.sum())


def filter_response(kernels: np.ndarray, size: int = 16) -> np.ndarray:
    """Returns the energy that filters let through at each frequency.

    Summed over the filters, which are zero-padded; random ones let all
    frequencies through alike.

    Args:
        kernels: `(height, width, channels, 1)`, of depthwise filters.
        size: Frequencies along each side.

    Returns:
        `(size, size)`, the mean's included.
    """
    spectrum = np.fft.fft2(kernels, s=(size, size), axes=(0, 1))
    return (np.abs(spectrum) ** 2).sum((2, 3))


def log_spectrum(channel: np.ndarray) -> np.ndarray:
    """Returns the log magnitude, low frequencies in the centre, in [0, 1].

    Args:
        channel: `(height, width)`.
    """
    magnitude = np.abs(np.fft.fftshift(np.fft.fft2(channel)))
    logarithm = np.log1p(magnitude)
    return logarithm / max(logarithm.max(), np.finfo("float64").tiny)


_RANDOM = high_frequency_share(np.ones((16, 16)))
