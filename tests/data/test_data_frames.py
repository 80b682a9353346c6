"""Boxes drawn on another rendering of a film, seen on its pixels."""

import io

import numpy as np
import pytest
from film_kit import Box, marked
from PIL import Image

from study.data.decode import Unreadable, decode, header
from study.data.frames import on_film

SIZE = (120, 80)
BOX: Box = (12, 8, 40, 30)


def turned(orientation: int) -> bytes:
    """A film whose stored pixels have the rectangle at BOX, and that EXIF turns."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(marked(SIZE, BOX)).save(buffer, "PNG", exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_stored_pixels_turn_with_the_film(orientation: int) -> None:
    film = decode(turned(orientation))
    assert (film.orientation, film.image.size) == (orientation, (80, 120))
    ys, xs = np.nonzero(np.asarray(film.image) == 255)
    seen = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert on_film([BOX], SIZE, size=film.image.size, orientation=orientation) == (seen,)


def test_boxes_of_the_upright_film_stay_as_they_are() -> None:
    assert on_film([BOX], (80, 120), size=(80, 120), orientation=6) == (BOX,)
    assert on_film([BOX], None, size=(80, 120), orientation=6) == (BOX,)


def test_a_copy_of_another_size_is_scaled_and_shares_are_multiplied() -> None:
    assert on_film([(10, 20, 30, 40)], (1024, 1024), size=(512, 512), orientation=1) == ((5, 10, 15, 20),)
    assert on_film([(10, 20, 30, 40)], (100, 61), size=(50, 30), orientation=1)[0][2] == 15
    assert on_film([(0.1, 0.5, 0.7, 1.0)], (1, 1), size=(30, 10), orientation=1) == ((3, 5, 21, 10),)


def test_a_frame_of_another_shape_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"^its boxes were drawn on 100 x 100 pixels, the film has 100 x 80$"):
        on_film([BOX], (100, 100), size=(100, 80), orientation=1)
    assert on_film([], (100, 100), size=(100, 80), orientation=1) == ()


def test_the_header_has_the_size_of_the_upright_film(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "film.png").write_bytes(turned(6))
    assert header(tmp_path / "film.png")[:4] == ((80, 120), 8, False, 6)
