"""Filters in the frequency plane: textures of bone, scatter, blur.

Textures and scatter are set in cycles per film, so that a phantom shows the same bone at
every image size; blur and noise belong to the detector and are set in pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from study.data.geometry import Field

Spectrum = NDArray[np.complex64]

FINE = (14.5, 3.63)
COARSE = (6.4, 2.13)
LUNG = (5.55, 2.56)
"""Textures as (centre, width) of a band in cycles per film."""


@lru_cache(maxsize=8)
def cycles_per_pixel(size: int) -> Field:
    """Radial frequency of a half spectrum, [S, S // 2 + 1], cycles per pixel."""
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    return np.asarray(radius, dtype=np.float32)


def transform(field: Field) -> Spectrum:
    """Half spectra of real fields [..., S, S]."""
    return np.asarray(fft.rfft2(field))


def restore(spectrum: Spectrum, size: int) -> Field:
    """Real fields [..., S, S] of half spectra."""
    return np.asarray(fft.irfft2(spectrum, s=(size, size), overwrite_x=True), dtype=np.float32)


@lru_cache(maxsize=32)
def band(size: int, centre: float, width: float) -> Field:
    """Band filter that turns white noise into texture of unit variance; widths in cycles per film."""
    response = np.exp(-(((cycles_per_pixel(size) * size - centre) / width) ** 2))
    return unit_gain(response, size)


@lru_cache(maxsize=8)
def detector_grain(size: int) -> Field:
    """Filter that gives detector noise its slight correlation (half a pixel), unit variance."""
    return unit_gain(np.exp(-((cycles_per_pixel(size) * (0.5 * np.pi)) ** 2) / 2), size)


def unit_gain(response: Field, size: int) -> Field:
    """The filter, scaled so that white noise of variance one keeps it, the constant term left aside."""
    twice = np.full(response.shape[-1], 2.0)  # a half spectrum holds one of each conjugate pair
    twice[0] = 1.0
    if size % 2 == 0:
        twice[-1] = 1.0
    power = (response.astype(np.float64) ** 2 * twice).sum() - float(response[0, 0]) ** 2
    return np.asarray(response / np.sqrt(power / size**2), dtype=np.float32)


def texture(white: Spectrum, size: int, name: tuple[float, float]) -> Field:
    """Texture of unit variance from the spectrum of white noise, [N, S, S]."""
    return restore(white * band(size, *name), size)
