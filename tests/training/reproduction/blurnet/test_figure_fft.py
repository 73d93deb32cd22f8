"""Energy above half Nyquist, against waves of known frequency."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies
from PIL import Image

from zoo.training.reproduction.blurnet import figure_fft
from zoo.training.reproduction.blurnet.figure_fft import energy
from zoo.training.reproduction.blurnet.figure_fft import filter_response
from zoo.training.reproduction.blurnet.figure_fft import high_frequency_share
from zoo.training.reproduction.blurnet.figure_fft import log_spectrum

Y, X = np.mgrid[:16, :16]


def share(*waves):
    """Of the sum of waves `(down, across, amplitude)`, in cycles of 16."""
    total = sum(
        amplitude * np.cos(2 * np.pi * (down * Y + across * X) / 16)
        for down, across, amplitude in waves
    )
    maps = (total + 3.0)[None, :, :, None]
    return high_frequency_share(energy(maps).sum((0, 3)))


@pytest.mark.parametrize(
    ("wave", "high"),
    [
        ((0, 4, 1.0), 0),  # At half Nyquist, not above.
        ((0, 5, 1.0), 1),
        ((5, 0, 1.0), 1),
        ((3, 3, 1.0), 1),  # 4.2 cycles along the diagonal.
        ((2, 3, 1.0), 0),
        ((7, 7, 1.0), 1),
    ],
)
def test_a_wave_is_low_or_high(wave, high):
    assert share(wave) == pytest.approx(high, abs=1e-9)


@given(
    low=strategies.floats(0.1, 10),
    high=strategies.floats(0.1, 10),
)
def test_share_is_of_the_squared_amplitudes(low, high):
    expected = high**2 / (low**2 + high**2)
    assert share((1, 0, low), (0, 6, high)) == pytest.approx(expected)


def test_white_noise_has_four_fifths_above():
    noise = np.random.default_rng(0).normal(size=(200, 16, 16, 1))
    found = high_frequency_share(energy(noise).sum((0, 3)))
    assert found == pytest.approx(0.8, abs=0.02)


def test_energy_is_each_channels_own():
    maps = np.zeros((1, 16, 16, 2))
    maps[0, :, :, 1] = np.cos(2 * np.pi * 5 * X / 16)
    found = energy(maps)
    assert found[..., 0].sum() == 0
    assert np.argwhere(found[0, :, :, 1] > 1).tolist() == [[0, 5], [0, 11]]


def test_log_spectrum_has_low_frequencies_in_the_centre():
    spectrum = log_spectrum(np.ones((16, 16)))
    assert spectrum[8, 8] == pytest.approx(np.log(1 + 256))
    assert spectrum.sum() == pytest.approx(spectrum[8, 8])
    assert log_spectrum(np.zeros((4, 4))).sum() == 0


def test_spectra_are_drawn_with_the_frequency_zero_at_zero(tmp_path):
    """Edges of 16 pixels; a picture wider than high."""
    left, right, bottom, top = figure_fft._extent(16, 16)
    assert (left, top) == (-0.5 - 1 / 32, -0.5 - 1 / 32)
    assert (right, bottom) == (0.5 - 1 / 32, 0.5 - 1 / 32)
    rng = np.random.default_rng(0)
    natural, perturbed = (
        [rng.random((size, size, 4)) for size in (32, 16, 6)] for _ in range(2)
    )
    path = tmp_path / "fft.png"
    figure_fft.draw_spectra(natural, perturbed, path)
    with Image.open(path) as picture:
        assert picture.width > picture.height


def test_a_mean_filter_keeps_what_is_low_and_the_identity_keeps_all():
    """By Parseval, a filter's energy is that of its weights."""
    identity = np.zeros((5, 5, 1, 1))
    identity[2, 2] = 1
    np.testing.assert_allclose(filter_response(identity), 1)
    box = filter_response(np.full((5, 5, 3, 1), 1 / 25))
    assert box[0, 0] == pytest.approx(3)
    assert box.mean() == pytest.approx(3 / 25)
    assert high_frequency_share(box) == pytest.approx(0.146, abs=1e-3)


def test_responses_add_up():
    kernels = np.random.default_rng(0).normal(size=(3, 3, 4, 1))
    parts = [filter_response(kernels[:, :, i : i + 1]) for i in range(4)]
    np.testing.assert_allclose(filter_response(kernels), sum(parts))
