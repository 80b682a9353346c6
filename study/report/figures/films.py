"""Films with their attribution and human box, as small JPEG images.

The map is drawn in `inferno` from its lowest quarter up, more opaque where it is higher;
in print its colours vanish and the contour lines and the box carry the picture.
"""

from __future__ import annotations

import io
import itertools
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_FINER = 2
"""Drawn this much larger and then reduced, so that lines are smooth."""
_DARKENED = 0.9
_OPAQUE = 0.6
_CONTOURS = ((0.5, 2), (0.8, 3))
_QUALITY = 82
_DASH_PX = 14.0
_HIDDEN_GREY = (150, 150, 150)


def overlay(
    image: NDArray[np.uint8], attribution: NDArray[np.float32], boxes: NDArray[Any], *, width_px: int = 256
) -> bytes:
    """The film with the map over it: colour, contours at 50% and 80% of the maximum, dashed box.

    Args:
        image: [H, W] uint8, grey.
        attribution: [H, W] in [0, 1]. A map that is flat, or not finite somewhere, is not painted: the
            film comes back with its box alone.
        boxes: [K, 4], (x0, y0, x1, y1) in pixels of the image, ends exclusive; K may be 0.
        width_px: of the result; the height follows.

    Returns:
        A JPEG file.

    Raises:
        ValueError: the map does not have the shape of the image.
    """
    if attribution.shape != image.shape:
        raise ValueError(f"attribution {attribution.shape} does not have the shape of the image {image.shape}")
    large = _enlarged(image, width_px)
    if not np.isfinite(attribution).all() or np.ptp(attribution) <= 0:
        return _jpeg(_with_boxes(large, boxes, image.shape[1]), image.shape, width_px)
    heat = np.clip(_resized(attribution, large.size), 0.0, 1.0)
    colour = mpl.colormaps["inferno"](0.25 + 0.75 * heat)[..., :3]
    opacity = np.clip(1.15 * heat - 0.12, 0.0, _OPAQUE)[..., None]
    grey = np.asarray(large, dtype=np.float64) / 255
    painted = Image.fromarray(np.rint((grey * (1 - opacity) + colour * opacity) * 255).astype(np.uint8))
    _draw_contours(painted, heat)
    return _jpeg(_with_boxes(painted, boxes, image.shape[1]), image.shape, width_px)


def film(image: NDArray[np.uint8], boxes: NDArray[Any], *, width_px: int = 256) -> bytes:
    """The plain film with its box, in the same greys as under an overlay; a JPEG file.

    Args:
        image: [H, W] uint8, grey.
        boxes: [K, 4] in pixels of the image; K may be 0.
        width_px: of the result; the height follows.
    """
    return _jpeg(_with_boxes(_enlarged(image, width_px), boxes, image.shape[1]), image.shape, width_px)


def masked(image: NDArray[np.uint8], hidden: NDArray[np.bool_], *, width_px: int = 256) -> bytes:
    """The film with its hidden patches grey; a JPEG file.

    Args:
        image: [H, W] uint8, grey.
        hidden: [rows, columns] bool, True = hidden patch; patches divide the film evenly.
        width_px: of the result; the height follows.
    """
    picture = _enlarged(image, width_px)
    pen = ImageDraw.Draw(picture)
    high, wide = picture.height / hidden.shape[0], picture.width / hidden.shape[1]
    for row, column in np.argwhere(hidden):
        corner, end = (column * wide, row * high), ((column + 1) * wide - 2, (row + 1) * high - 2)
        pen.rectangle((*corner, *end), fill=_HIDDEN_GREY)
    return _jpeg(picture, image.shape, width_px)


def _enlarged(image: NDArray[np.uint8], width_px: int) -> Image.Image:
    """Darkened film as RGB, at drawing size."""
    rows, columns = image.shape
    size = (width_px * _FINER, max(1, round(width_px * rows / columns)) * _FINER)
    grey = Image.fromarray(np.rint(image * _DARKENED).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return grey.convert("RGB")


def _resized(attribution: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    resized = Image.fromarray(np.asarray(attribution, dtype=np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.float64)


def _draw_contours(picture: Image.Image, heat: NDArray[np.float64]) -> None:
    """White lines with a black edge, at shares of the map's own maximum."""
    pen = ImageDraw.Draw(picture)
    contours = contour_generator(z=heat)
    for colour, extra in (((0, 0, 0), 3), ((255, 255, 255), 0)):
        for share, width in _CONTOURS:
            for line in contours.lines(share * float(heat.max())):
                points = [(float(x), float(y)) for x, y in np.asarray(line)]
                pen.line(points, fill=colour, width=width + extra, joint="curve")


def _with_boxes(picture: Image.Image, boxes: NDArray[Any], columns: int) -> Image.Image:
    """Dashed white on black, each box on the outer edge of its pixels."""
    pen = ImageDraw.Draw(picture)
    scale = picture.width / columns
    for box in np.asarray(boxes).reshape(-1, 4):
        x0, y0, x1, y1 = (float(side) * scale for side in box)
        corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))
        pen.line(corners, fill=(0, 0, 0), width=5, joint="curve")
        for start, end in itertools.pairwise(corners):
            _dashes(pen, np.array(start), np.array(end))
    return picture


def _dashes(pen: ImageDraw.ImageDraw, start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    n = max(1, int(np.hypot(*(end - start)) // _DASH_PX)) | 1  # odd: both corners are drawn
    for k in range(0, n, 2):
        a, b = start + (end - start) * k / n, start + (end - start) * (k + 1) / n
        pen.line([(float(a[0]), float(a[1])), (float(b[0]), float(b[1]))], fill=(255, 255, 255), width=3)


def _jpeg(picture: Image.Image, shape: tuple[int, ...], width_px: int) -> bytes:
    size = (width_px, max(1, round(width_px * shape[0] / shape[1])))
    sink = io.BytesIO()
    kind: Literal["JPEG"] = "JPEG"
    picture.resize(size, Image.Resampling.LANCZOS).save(sink, kind, quality=_QUALITY, optimize=True)
    return sink.getvalue()
