"""From attenuation to a film: scatter, blur, quantum noise, exposure, collimation, side letter."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from study.data.geometry import Field
from study.data.nuisance import Table, Uniform, Values
from study.data.spectrum import Spectrum, band, cycles_per_pixel, detector_grain, restore, transform

SCATTER = (0.0, 1.6)
"""Scattered radiation as (centre, width) of a band in cycles per film."""

COLLIMATED = 0.02
"""Grey of the strip outside the collimator, on the scale [0, 1]."""

MARKER: Table = {
    "box": Uniform(),
    "corner": Uniform(),
    "row": Uniform(),
    "column": Uniform(),
    "brightness": Uniform(0.8, 1.0),
}

_GLYPHS = {
    "L": ("1....", "1....", "1....", "1....", "1....", "1....", "11111"),
    "R": ("1111.", "1...1", "1...1", "1111.", "1.1..", "1..1.", "1...1"),
}
_SMALL_GLYPHS = {
    "L": ("1..", "1..", "1..", "1..", "111"),
    "R": ("11.", "1.1", "11.", "1.1", "1.1"),
}
_SMALL_FILM = 48
"""Below this side, in pixels, the large letters would reach into the body."""


def expose(attenuation: Field, values: Values, white: Spectrum) -> Field:
    """Films in [0, 1], bright = dense, as a display shows them.

    Args:
        attenuation: [N, S, S].
        values: draws of an anatomy's acquisition table, [N, 1, 1] each.
        white: [N, S, S // 2 + 1] spectrum of white noise, for scatter and quantum noise.
    """
    size = attenuation.shape[-1]
    spectrum = transform(attenuation) + white * (0.05 * values["scatter"] * band(size, *SCATTER))
    blur = cycles_per_pixel(size) * values["blur_px"]
    blurred = restore(spectrum * np.exp(blur * blur * np.float32(-(np.pi**2) / 2)), size)
    noise = restore(white * detector_grain(size), size)
    # fewer quanta arrive behind dense bodies, so noise grows with attenuation
    seen = blurred + np.exp(values["log_noise"] + 0.45 * blurred) * noise
    window = (seen - values["black"]) / (values["white"] - values["black"])
    curve = 1 / (1 + np.exp(2.1 - 4.2 * window))  # the film's characteristic curve, then cut to its linear part
    curve = np.clip((curve - 0.109) * (1 / 0.782), 1e-4, 1)
    return np.asarray(np.exp(np.log(curve) * np.exp(values["log_gamma"])))


def collimate(films: Field, parts: NDArray[np.uint8], values: Values) -> None:
    """Blacken a strip along one edge of some films, in place; nothing can be seen there."""
    size = films.shape[-1]
    for film, (width, side) in enumerate(_scalars(values, "collimation", "collimated_edge")):
        strip = int(max(0.0, width) * size)
        if strip:
            turned = int(side)
            np.rot90(films[film], turned)[:strip] = COLLIMATED
            np.rot90(parts[film], turned)[:strip] = 0


def stamp(
    films: Field, values: Values, *, left: NDArray[np.bool_], boxed: NDArray[np.bool_], corner: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Write the side letter into each film, in place.

    Args:
        films: [N, S, S] in [0, 1].
        values: draws of `MARKER`.
        left: [N], letter L instead of R.
        boxed: [N], letter in a frame.
        corner: [N], 0 to 3: top left, top right, bottom left, bottom right.

    Returns:
        [N, S, S] bool: the letter's rectangle, frame included.
    """
    size = films.shape[-1]
    covered = np.zeros(films.shape, dtype=np.bool_)
    places = _scalars(values, "row", "column", "brightness")
    for film, (row, column, brightness) in enumerate(places):
        glyph = _glyph("L" if left[film] else "R", framed=bool(boxed[film]), size=size)
        height, width = glyph.shape
        top, side = (2 + int(share * (max(3, size // 12) - 2)) for share in (row, column))
        top = top if corner[film] < 2 else size - top - height
        side = side if corner[film] % 2 == 0 else size - side - width
        place = (film, slice(top, top + height), slice(side, side + width))
        films[place] = np.maximum(films[place], glyph * np.float32(brightness))
        covered[place] = True
    return covered


@lru_cache(maxsize=64)
def _glyph(letter: str, *, framed: bool, size: int) -> Field:
    """The letter for films of this side, 1 where it is bright, with its frame if it has one."""
    small = size < _SMALL_FILM
    rows = (_SMALL_GLYPHS if small else _GLYPHS)[letter]
    pixels = np.array([[stroke == "1" for stroke in row] for row in rows], dtype=np.float32)
    zoom = max(1, round(size / 64))
    pixels = np.kron(pixels, np.ones((zoom, zoom), dtype=np.float32))
    if framed:
        pixels = np.pad(np.pad(pixels, 0 if small else 1), 1, constant_values=1)
    return pixels


def _scalars(values: Values, *names: str) -> list[list[float]]:
    """Per film the named values, as Python numbers."""
    rows: list[list[float]] = np.concatenate([values[name][:, :, 0] for name in names], axis=1).tolist()
    return rows
