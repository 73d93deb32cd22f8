"""The FFT figures: spectra of images and feature maps under stickers."""

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from zoo.atomic_write import atomic_write
from zoo.layers import Blur
from zoo.training.evaluation.plots.image_grid import FAINT
from zoo.training.reproduction.blurnet import paper
from zoo.training.reproduction.blurnet.sticker_cache import StickerCache
from zoo.training.reproduction.exhibit import Exhibit
from zoo.training.reproduction.exhibit import verdict

PLACES = ("pixels", "first-layer maps", "second-layer maps")
_COLUMNS = ("natural", "perturbed", "difference")
_DRAWN = 3
"""Channels drawn of each place."""

HALF_NYQUIST = 0.25
"""In cycles a pixel."""


def figure_fft(cache: StickerCache, output: Path) -> Exhibit:
    """Measures the energy above half Nyquist and draws the baseline's spectra.

    Args:
        output: Folder for the picture.
    """
    shares = {
        name: None if cache.model(name) is None else _shares(cache, name)
        for name in paper.WHITE_BOX
    }
    baseline = shares[paper.BASELINE]
    if baseline is not None:
        _draw(cache, output / "fft.png")
    filters = {
        name: _filter_share(cache.model(name))
        for name, places in shares.items()
        if places is not None
    }
    white = high_frequency_share(np.ones((16, 16)))
    rows = []
    for name, places in shares.items():
        if places is None:
            rows.append((f"`{name}`: {cache.missing}", *("–",) * 4))
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
            f"views of {cache.settings.seeds} signs; perturbed ones over all "
            "targets, too. Stickers as in table 2. Maps are the input of the "
            "next convolution, behind the filter if there is one. White "
            "noise would have about 80.",
            *(
                f"Of the white noise that the learned filters of `{name}` "
                f"pass, {share:.1%} of the energy is above half Nyquist; the "
                f"random filters that they start from pass {white:.1%}."
                for name, share in filters.items()
                if share is not None
            ),
            "The picture: log magnitudes of one view of the baseline, low "
            "frequencies in the centre; the channels whose energy the sticker "
            "changes most, one scale a channel.",
            *(
                verdict(
                    f"The baseline's {place}: of the sticker's change, a "
                    "larger share of energy is above half Nyquist than of "
                    "the natural view",
                    baseline and baseline[place]["natural"],
                    baseline and baseline[place]["difference"],
                )
                for place in PLACES
            ),
        ),
        picture=None if baseline is None else "fft.png",
        data={"shares": shares, "filters": filters},
        provenance=cache.provenance(*paper.WHITE_BOX),
    )


def energy(maps: np.ndarray) -> np.ndarray:
    """Returns the energy `|FFT|^2` of each frequency; the mean's is set to 0.

    Args:
        maps: `(batch, height, width, channels)`.

    Returns:
        An array of the same shape, frequencies in the order of
        `np.fft.fftfreq`.
    """
    spectrum = np.abs(np.fft.fft2(maps, axes=(1, 2))) ** 2
    spectrum[:, 0, 0] = 0
    return spectrum


def high_frequency_share(spectrum: np.ndarray) -> float:
    """Returns the share of the energy above half the Nyquist frequency.

    A wave's frequency is its radial one, whatever its direction: the corners
    of the spectrum, up to 0.71 cycles a pixel, are above. White noise has a
    share of about 0.8.

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
    """Returns the energy that filters pass at each frequency.

    The filters are zero-padded and their energies added. Random filters pass
    all frequencies alike.

    Args:
        kernels: `(height, width, channels, 1)`, of depthwise filters.
        size: Frequencies along each side.

    Returns:
        Energies of shape `(size, size)`, the mean's included.
    """
    spectrum = np.fft.fft2(kernels, s=(size, size), axes=(0, 1))
    return (np.abs(spectrum) ** 2).sum((2, 3))


def log_spectrum(channel: np.ndarray) -> np.ndarray:
    """Returns `log(1 + |FFT|)`, low frequencies in the centre.

    Args:
        channel: `(height, width)`.
    """
    return np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(channel))))


def draw_spectra(
    natural: Sequence[np.ndarray],
    perturbed: Sequence[np.ndarray],
    path: str | os.PathLike,
) -> None:
    """Draws spectra of the channels that a perturbation changes most.

    A row is a place. The three spectra of a channel have one scale, and a
    circle at half the Nyquist frequency.

    Args:
        natural: Maps of each of `PLACES`, `(height, width, channels)`.
        perturbed: The same maps of the perturbed image.
        path: PNG file to write.
    """
    # Not imported above: matplotlib writes its font cache when imported.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    figure = Figure((11, 4.6), 144, facecolor="white", layout="constrained")
    figure.suptitle(
        "Spectra of one view, natural and with a sticker, log(1 + |FFT|)",
        weight="bold",
    )
    figure.supxlabel(
        "cycles a pixel; the circle is half the Nyquist frequency", size=9
    )
    panels = figure.subplots(len(PLACES), len(_COLUMNS) * _DRAWN)
    for row, place in enumerate(PLACES):
        before, after = natural[row], perturbed[row]
        change = energy((after - before)[None]).sum((0, 1, 2))
        for index, channel in enumerate(sorted(np.argsort(change)[-_DRAWN:])):
            spectra = [
                log_spectrum(maps[..., channel])
                for maps in (before, after, after - before)
            ]
            first = index * len(_COLUMNS)
            columns = panels[row, first : first + len(_COLUMNS)]
            for axes, title, spectrum in zip(
                columns, _COLUMNS, spectra, strict=True
            ):
                drawn = axes.imshow(
                    spectrum,
                    cmap="gray",
                    vmin=0,
                    vmax=np.max(spectra),
                    extent=_extent(*spectrum.shape),
                )
                axes.add_patch(
                    Circle((0, 0), HALF_NYQUIST, fill=False, color="#cf222e")
                )
                axes.set_xticks([-0.5, -0.25, 0, 0.25], ["−½", "−¼", "0", "¼"])
                axes.set_yticks([])
                axes.tick_params(labelsize=7, length=2)
                axes.set_title(
                    f"channel {channel}\n{title}", fontsize=8, color=FAINT
                )
            bar = figure.colorbar(drawn, ax=axes, fraction=0.08, aspect=12)
            bar.ax.tick_params(labelsize=6, length=2)
        panels[row, 0].set_ylabel(place.replace(" ", "\n"), fontsize=9)
    with atomic_write(path) as temporary:
        FigureCanvasAgg(figure).print_png(temporary)


def _probe(model: keras.Model) -> keras.Model:
    """Returns a model from images to the inputs of the first three layers."""
    layers = [model.get_layer(name) for name in ("conv1", "conv2", "conv3")]
    return keras.Model(model.input, [layer.input for layer in layers])


def _shares(cache, name):
    """Returns the share of energy above half Nyquist, by place and column."""
    probe = _probe(cache.model(name))
    totals = {place: dict.fromkeys(_COLUMNS, 0.0) for place in PLACES}
    for seed in cache.seeds:
        sign = cache.sign(seed)
        natural = probe.predict(sign.held_out, verbose=0)
        for sticker in cache.stickers(name, seed):
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
    """Returns the learned filters' share; `None` if there are none."""
    for layer in model.layers:
        if isinstance(layer, Blur) and layer.learned:
            kernels = keras.ops.convert_to_numpy(layer.filters)
            return high_frequency_share(filter_response(kernels))
    return None


def _draw(cache, path):
    """Draws the spectra of the first sign's first held-out view."""
    seed, model = cache.seeds[0], cache.model(paper.BASELINE)
    sign, stickers = cache.sign(seed), cache.stickers(paper.BASELINE, seed)
    success = cache.score(model, stickers, seed).success
    adversarial = sign.apply(stickers[success.argmax()])
    natural, perturbed = (
        [maps[0] for maps in _probe(model).predict(images[:1], verbose=0)]
        for images in (sign.held_out, adversarial)
    )
    draw_spectra(natural, perturbed, path)


def _extent(height, width):
    """Returns the edges of a spectrum's pixels, in cycles a pixel."""
    x, y = (np.fft.fftshift(np.fft.fftfreq(size)) for size in (width, height))
    left, right = x[0] - 0.5 / width, x[-1] + 0.5 / width
    top, bottom = y[0] - 0.5 / height, y[-1] + 0.5 / height
    return left, right, bottom, top
