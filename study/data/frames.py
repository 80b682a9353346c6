"""Boxes drawn on another rendering of a film, in pixels of the film as it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from study.data.decode import Unreadable
from study.data.manifest import Box

Size = tuple[int, int]

_UPRIGHT: Mapping[int, Callable[[float, float, float, float], tuple[float, float]]] = {
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (y, w - x),
}
"""Where a point of the stored w x h pixels lies on the upright film, by EXIF orientation; only those that turn it."""


def on_film(
    boxes: Sequence[Box], frame: tuple[float, float] | None, *, size: Size, orientation: int
) -> tuple[Box, ...]:
    """Boxes in pixels of the upright film.

    A frame of another size with the film's aspect (to a pixel) is taken for a larger or smaller copy. A frame of the
    stored pixels of a film that EXIF turns is turned with it; a film that EXIF only mirrors or turns by half
    does not show by its size which of the two was drawn on, and is taken as shown.

    Args:
        boxes: (x0, y0, x1, y1) in pixels of the frame.
        frame: its width and height; (1, 1) for shares; None: the film.
        size: width and height of the upright film, pixels.
        orientation: EXIF orientation of the file, 1 to 8.

    Raises:
        Unreadable: boxes on a frame of another shape.
    """
    if not boxes or frame is None or frame == size:
        return tuple(boxes)
    width, height = size
    if frame == (1, 1):
        return tuple(scaled(box, width, height) for box in boxes)
    if orientation in _UPRIGHT and frame == (height, width):
        return tuple(_turned(box, frame, orientation) for box in boxes)
    across, down = width / frame[0], height / frame[1]
    if abs(frame[0] * down - width) > 1 and abs(frame[1] * across - height) > 1:
        drawn = " x ".join(f"{side:g}" for side in frame)
        raise Unreadable(f"its boxes were drawn on {drawn} pixels, the film has {width} x {height}")
    return tuple(scaled(box, across, down) for box in boxes)


def scaled(box: Box, across: float, down: float) -> Box:
    """A box times these factors, to a millionth of a pixel, so that shares of a film give back its whole pixels."""
    x0, y0, x1, y1 = box
    return round(x0 * across, 6), round(y0 * down, 6), round(x1 * across, 6), round(y1 * down, 6)


def _turned(box: Box, frame: tuple[float, float], orientation: int) -> Box:
    turn = _UPRIGHT[orientation]
    (ax, ay), (bx, by) = turn(box[0], box[1], *frame), turn(box[2], box[3], *frame)
    return min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
