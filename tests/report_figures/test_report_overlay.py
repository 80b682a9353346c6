"""Overlays: what is painted, what is not, and that colour is not all there is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from study.report.figures import film as plain
from study.report.figures import overlay

NO_BOX = np.zeros((0, 4), dtype=np.int32)
Film = NDArray[np.uint8]


def pixels(jpeg: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(jpeg)), dtype=np.int16)


def bump(size: int = 64) -> NDArray[np.float32]:
    y, x = np.mgrid[0:size, 0:size]
    heat = np.exp(-((x - size / 2) ** 2 + (y - size / 2) ** 2) / (size * 2))
    return ((heat - heat.min()) / np.ptp(heat)).astype(np.float32)


def colourful(picture: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.asarray(np.ptp(picture, axis=2))


def test_the_width_is_as_asked_and_the_height_follows(film: Film) -> None:
    assert pixels(plain(film, NO_BOX)).shape == (256, 256, 3)
    assert pixels(plain(film[:32], NO_BOX, width_px=128)).shape == (64, 128, 3)


def test_a_film_is_grey_and_a_tenth_darker() -> None:
    picture = pixels(plain(np.full((64, 64), 200, dtype=np.uint8), NO_BOX))
    assert colourful(picture).max() == 0
    assert abs(int(picture.mean()) - 180) <= 1


@pytest.mark.parametrize("value", [0.0, 0.7, float("nan")])
def test_a_flat_or_undefined_map_is_not_painted(film: Film, value: float) -> None:
    flat = np.full(film.shape, value, dtype=np.float32)
    assert overlay(film, flat, NO_BOX) == plain(film, NO_BOX)


def test_one_undefined_pixel_leaves_the_film_unpainted(film: Film) -> None:
    heat = bump()
    heat[3, 5] = np.nan
    assert overlay(film, heat, NO_BOX) == plain(film, NO_BOX)


def test_the_map_is_coloured_where_it_is_high_and_not_where_it_is_low(film: Film) -> None:
    colour = colourful(pixels(overlay(film, bump(), NO_BOX)))
    assert colour[128, 128] > 40
    assert colour[:40, :40].max() < 12


def test_contours_are_there_without_any_colour() -> None:
    black = np.zeros((64, 64), dtype=np.uint8)
    row = pixels(overlay(black, bump(), NO_BOX)).min(axis=2)[128]
    assert (row > 120).sum() >= 4  # white: both contours, left and right of the middle


def test_boxes_are_dashed_white_on_black(film: Film) -> None:
    white = np.full_like(film, 255)
    edge = pixels(plain(white, np.array([[16, 16, 48, 48]])))[64, 66:190].max(axis=1)
    assert edge.max() > 200
    assert edge.min() < 60


def test_a_box_lies_on_the_outer_edge_of_its_pixels() -> None:
    black = np.zeros((64, 64), dtype=np.uint8)
    picture = pixels(plain(black, np.array([[16, 8, 48, 40]]))).max(axis=2)
    rows, columns = np.nonzero(picture > 120)
    assert abs(columns.min() - 64) <= 2
    assert abs(columns.max() - 192) <= 2
    assert abs(rows.min() - 32) <= 2
    assert abs(rows.max() - 160) <= 2


def test_the_same_image_gives_the_same_bytes_and_inputs_stay(film: Film) -> None:
    heat, box = bump(), np.array([[10, 10, 30, 30]], dtype=np.int32)
    before = film.copy(), heat.copy(), box.copy()
    assert overlay(film, heat, box) == overlay(film, heat, box)
    for now, then in zip((film, heat, box), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_thumbnail_is_small(film: Film) -> None:
    assert len(overlay(film, bump(), np.array([[10, 10, 30, 30]]))) < 20_000


def test_a_map_of_another_shape_is_refused(film: Film) -> None:
    with pytest.raises(ValueError, match=r"attribution \(32, 32\) does not have the shape of the image \(64, 64\)"):
        overlay(film, bump(32), NO_BOX)
