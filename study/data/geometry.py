"""Shapes as signed distances, and how much of them an X-ray beam crosses.

Coordinates are half-widths of the film: x to the right, y downwards, both from -1 to 1. A
distance is negative inside. Arguments broadcast: pixel grids are `[S, S]` or `[N, S, S]`,
values per film `[N, 1, 1]`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]
"""Pixels, always float32; NumPy's types cannot follow that through arithmetic with Python numbers."""

Value = float | Field


class Plane(NamedTuple):
    """Coordinates of every pixel's centre in a body's own frame, [N, S, S]."""

    x: Field
    y: Field


class Point(NamedTuple):
    """A place in a body's frame."""

    x: Value
    y: Value


class Ends(NamedTuple):
    """Two radii, one for each end of a capsule."""

    first: Value
    last: Value


def pixel_grid(size: int) -> Plane:
    """Centres of the pixels of a square film, [S, S] each."""
    centres = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    return Plane(*np.meshgrid(centres, centres))


def posed(grid: Plane, *, rotation: Field, scale: Field, shift: Point) -> Plane:
    """The frame of a body that was rotated (radians), magnified and then shifted on the film."""
    cosine, sine = np.cos(rotation) / scale, np.sin(rotation) / scale
    return Plane(cosine * grid.x + sine * grid.y - shift.x, cosine * grid.y - sine * grid.x - shift.y)


def circle(plane: Plane, centre: Point, radius: Value) -> Field:
    """Exact distance to a circle."""
    return np.asarray(np.sqrt((plane.x - centre.x) ** 2 + (plane.y - centre.y) ** 2) - radius)


def ellipse(plane: Plane, centre: Point, half: Point, angle: Value | None = None) -> Field:
    """Distance to an ellipse with these half-axes, exact to first order near its outline."""
    x, y = plane.x - centre.x, plane.y - centre.y
    if angle is not None:
        cosine, sine = np.cos(angle, dtype=np.float32), np.sin(angle, dtype=np.float32)
        x, y = cosine * x + sine * y, cosine * y - sine * x
    x, y = x / half.x, y / half.y
    level = np.sqrt(x * x + y * y) + 1e-6
    x, y = x / half.x, y / half.y
    return np.asarray(level * (level - 1) / (np.sqrt(x * x + y * y) + 1e-6))


def capsule(plane: Plane, start: Point, end: Point, radii: Ends) -> Field:
    """Distance to a rod with round ends whose radius changes from one end to the other."""
    along_x, along_y = end.x - start.x, end.y - start.y
    x, y = plane.x - start.x, plane.y - start.y
    place = np.clip((x * along_x + y * along_y) / (along_x * along_x + along_y * along_y), 0, 1)
    x, y = x - along_x * place, y - along_y * place
    return np.asarray(np.sqrt(x * x + y * y) - (radii.first + (radii.last - radii.first) * place))


def smooth_union(first: Field, second: Field, blend: float) -> Field:
    """Union of two shapes with a fillet of width `blend`."""
    share = np.clip(0.5 + (second - first) * (0.5 / blend), 0, 1)
    return np.asarray(second + (first - second) * share - blend * share * (1 - share))


def edge(distance: Field, width: float) -> Field:
    """1 inside, 0 outside, with a linear ramp of +-`width` across the outline."""
    return np.asarray(np.clip(0.5 - distance * (0.5 / width), 0, 1))


def line(distance: Field, width: float) -> Field:
    """A soft stroke along the outline: 1 on it, 1/e at `width` from it."""
    scaled = distance * (1 / width)
    return np.asarray(np.exp(-scaled * scaled))


def chord(depth: Field, radius: Value) -> Field:
    """Path length of the beam through a round body, `depth` inside its outline.

    sqrt(t (2 R - t)) with t the depth cut to [0, R]: half a circle's chord, flat beyond the centre.
    """
    inside = np.clip(depth, 0, radius)
    return np.asarray(np.sqrt(inside * (2 * radius - inside)))


def thickness(depth: Field, radius: float) -> Field:
    """`chord` relative to its largest value, [0, 1]."""
    return chord(depth, radius) * (1 / radius)
