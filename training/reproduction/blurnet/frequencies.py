"""How much of an image's or a feature map's energy is fine detail."""

import numpy as np

HALF_NYQUIST = 0.25
"""Cycles a pixel."""


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
