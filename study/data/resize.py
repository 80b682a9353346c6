"""Films of any shape into a square, and their boxes and masks with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Rule = Literal["letterbox", "stretch"]


@dataclass(frozen=True)
class Placement:
    """Where a film of `width` x `height` pixels lies in a square of `size` pixels.

    Attributes:
        new_width, new_height: of the resized film, at most `size`, at least 1.
        left, top: of its corner in the square; around it the square is black.
    """

    width: int
    height: int
    size: int
    new_width: int
    new_height: int
    left: int
    top: int

    def film(self, image: Image.Image) -> NDArray[np.float32]:
        """The film in its square, [size, size] float32 in the image's own unit.

        Resampled with PIL's Lanczos filter, whose support grows with the reduction, so nothing is aliased.
        """
        square = np.zeros((self.size, self.size), dtype=np.float32)
        resized = image.resize((self.new_width, self.new_height), Image.Resampling.LANCZOS)
        rows, columns = slice(self.top, self.top + self.new_height), slice(self.left, self.left + self.new_width)
        square[rows, columns] = np.asarray(resized, dtype=np.float32)
        return square

    def boxes(self, boxes: Sequence[Sequence[float]]) -> NDArray[np.int32]:
        """Boxes of the film as boxes of the square.

        Args:
            boxes: (x0, y0, x1, y1) in pixels of the film, half open; cut to the film.

        Returns:
            [K, 4] int32: edges go to the nearest pixel edge, and a box keeps at least one pixel.
        """
        corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        extent = np.array([self.width, self.height] * 2)
        scale = np.array([self.new_width / self.width, self.new_height / self.height] * 2)
        corners = np.clip(corners, 0, extent) * scale + np.array([self.left, self.top] * 2)
        edges = np.floor(corners + 0.5).astype(np.int32)
        last = np.array([self.left + self.new_width, self.top + self.new_height], dtype=np.int32)
        edges[:, :2] = np.minimum(edges[:, :2], last - 1)
        edges[:, 2:] = np.maximum(edges[:, 2:], edges[:, :2] + 1)
        return np.asarray(edges, dtype=np.int32)

    def mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of the film [height, width] as one of the square, [size, size], False around the film.

        Every pixel of the resized film takes the mask's value at its centre.
        """
        square = np.zeros((self.size, self.size), dtype=np.bool_)
        rows = (np.arange(self.new_height) * 2 + 1) * self.height // (2 * self.new_height)
        columns = (np.arange(self.new_width) * 2 + 1) * self.width // (2 * self.new_width)
        inside = (slice(self.top, self.top + self.new_height), slice(self.left, self.left + self.new_width))
        square[inside] = mask[np.ix_(rows, columns)]
        return square

    def outside(self, boxes: Sequence[Sequence[float]]) -> list[Sequence[float]]:
        """Boxes that do not touch the film at all."""
        return [b for b in boxes if b[0] >= self.width or b[1] >= self.height or b[2] <= 0 or b[3] <= 0]

    def clipped(self, boxes: Sequence[Sequence[float]]) -> int:
        """How many boxes reach more than half a pixel beyond the film."""
        return sum(min(b[:2]) < -0.5 or b[2] > self.width + 0.5 or b[3] > self.height + 0.5 for b in boxes)


def place(width: int, height: int, *, size: int, rule: Rule) -> Placement:
    """The film's place: centred with its aspect kept (`letterbox`), or filling the square (`stretch`)."""
    if rule == "stretch":
        return Placement(width, height, size, size, size, 0, 0)
    scale = size / max(width, height)
    new_width, new_height = (max(1, round(side * scale)) for side in (width, height))
    return Placement(width, height, size, new_width, new_height, (size - new_width) // 2, (size - new_height) // 2)
