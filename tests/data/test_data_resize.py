"""Boxes follow their films into the square."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from study.data.resize import place


def drawn(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    pixels = np.zeros((height, width), dtype=np.uint8)
    x0, y0, x1, y1 = box
    pixels[y0:y1, x0:x1] = 255
    return Image.fromarray(pixels)


@pytest.mark.parametrize("rule", ["letterbox", "stretch"])
@pytest.mark.parametrize(
    ("width", "height", "box"),
    [
        (640, 320, (80, 40, 240, 200)),
        (320, 640, (10, 30, 310, 600)),
        (30, 20, (3, 4, 27, 15)),
        (700, 701, (0, 0, 700, 701)),
        (512, 383, (101, 57, 407, 311)),
    ],
)
def test_a_drawn_rectangle_lies_in_its_box_after_the_resize(
    rule: str, width: int, height: int, box: tuple[int, int, int, int]
) -> None:
    placement = place(width, height, size=64, rule=rule)  # type: ignore[arg-type]
    film = placement.film(drawn(width, height, box))
    rows, columns = np.nonzero(film > 127)
    expected = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert placement.boxes([box]).tolist() == [expected]


def test_a_wide_film_is_centred_with_black_above_and_below() -> None:
    placement = place(200, 100, size=64, rule="letterbox")
    film = placement.film(Image.new("L", (200, 100), 255))
    assert (film[16:48] == 255).all()
    assert not film[:16].any()
    assert not film[48:].any()
    assert placement.boxes([(0, 0, 200, 100)]).tolist() == [[0, 16, 64, 48]]


def test_stretching_fills_the_square() -> None:
    placement = place(200, 100, size=64, rule="stretch")
    assert (placement.film(Image.new("L", (200, 100), 255)) == 255).all()
    assert placement.boxes([(100, 50, 200, 100)]).tolist() == [[32, 32, 64, 64]]


def test_boxes_are_cut_at_the_film_and_not_at_the_square() -> None:
    placement = place(200, 100, size=64, rule="letterbox")
    assert placement.boxes([(-50, -50, 500, 500)]).tolist() == [[0, 16, 64, 48]]
    assert placement.clipped([(-50, -50, 500, 500), (0, 0, 200.4, 100), (5, 5, 9, 9)]) == 1


def test_a_tiny_box_keeps_one_pixel_inside_the_film() -> None:
    placement = place(1000, 1000, size=64, rule="letterbox")
    assert placement.boxes([(999, 999, 1000, 1000)]).tolist() == [[63, 63, 64, 64]]
    assert placement.boxes([(500, 500, 501, 501)]).tolist() == [[32, 32, 33, 33]]


def test_no_boxes_are_an_empty_array() -> None:
    boxes = place(10, 10, size=64, rule="letterbox").boxes([])
    assert boxes.shape == (0, 4)
    assert boxes.dtype == np.int32


def test_boxes_beside_the_film_are_named() -> None:
    placement = place(100, 50, size=64, rule="letterbox")
    beside = [(100, 0, 120, 10), (0, 50, 10, 60), (-9, 0, 0, 10), (0, -9, 10, 0)]
    assert placement.outside([*beside, (90, 40, 200, 200)]) == beside


def test_fine_stripes_are_averaged_and_not_aliased() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (512, 256))
    film = place(512, 512, size=64, rule="letterbox").film(Image.fromarray(stripes))
    assert np.abs(film[:, 2:-2] - 127.5).max() < 3


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 3000),
    st.integers(1, 3000),
    st.sampled_from([32, 64, 224]),
    st.sampled_from(["letterbox", "stretch"]),
    st.tuples(*[st.floats(0, 1)] * 4),
)
def test_boxes_stay_in_the_film_and_move_at_most_half_a_pixel(
    width: int, height: int, size: int, rule: str, shares: tuple[float, float, float, float]
) -> None:
    placement = place(width, height, size=size, rule=rule)  # type: ignore[arg-type]
    (x0, x1), (y0, y1) = sorted(shares[:2]), sorted(shares[2:])
    box = placement.boxes([(x0 * width, y0 * height, x1 * width, y1 * height)])[0]
    left, top = placement.left, placement.top
    assert left <= box[0] < box[2] <= left + placement.new_width <= size
    assert top <= box[1] < box[3] <= top + placement.new_height <= size
    assert abs(box[0] - (left + x0 * placement.new_width)) <= 1
    if (x1 - x0) * placement.new_width >= 1:
        assert abs(box[2] - (left + x1 * placement.new_width)) <= 0.5 + 1e-6
