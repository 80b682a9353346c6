"""Masking `block`: rectangles of patches, repaired to the exact number."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from study.train.masking import Masks, from_masked, n_visible

SMALLEST = 16 / 196
"""Least area of a rectangle: 16 patches of a 14 x 14 grid."""
ASPECT = (0.3, 1 / 0.3)
TRIES = 60
"""Rectangles drawn per image, of which those count that fit."""


def block(batch: int, grid: tuple[int, int], ratio: float, generator: Generator, **_: float) -> Masks:
    """Hide rectangles of patches until the number is reached.

    A rectangle's area is uniform between 16/196 of the patches and what is still to be hidden, its aspect ratio
    log-uniform in [0.3, 1/0.3], its place uniform; it counts if it hides at least one more patch and not too many.
    What is missing in the end is taken at random from the patches that touch hidden ones, so that every image hides
    the same number; published versions over- or undershoot instead.

    Args:
        batch: number of images.
        grid: rows and columns of patches, L = rows * columns.
        ratio: share of hidden patches, in (0, 1); K = round(L * (1 - ratio)) stay visible.
        generator: CPU generator.

    Returns:
        Masks with the same number of hidden patches for every image.

    Reference: Bao et al., BEiT, ICLR 2022, arXiv:2106.08254, Algorithm 1.
    """
    length = grid[0] * grid[1]
    wanted = length - n_visible(length, ratio)
    masked = torch.zeros(batch, *grid, dtype=torch.bool)
    for _try in range(TRIES):
        missing = wanted - masked.sum(dim=(1, 2))
        if not missing.any():
            break
        widened = masked | _rectangles(missing, grid, generator)
        fits = (widened.sum(dim=(1, 2)) <= wanted)[:, None, None]
        masked = torch.where(fits, widened, masked)
    return from_masked(_repaired(masked, wanted, generator).flatten(1), generator)


def _rectangles(missing: Tensor, grid: tuple[int, int], generator: Generator) -> Tensor:
    """[B, rows, columns] bool: one rectangle per image, no larger than what is missing there but for rounding."""
    drawn = torch.rand(4, len(missing), generator=generator)
    least = missing.clamp(max=round(SMALLEST * grid[0] * grid[1])).clamp(min=1)
    area = least + (missing - least) * drawn[0]
    aspect = torch.exp(math.log(ASPECT[0]) + (math.log(ASPECT[1]) - math.log(ASPECT[0])) * drawn[1])
    spans = []
    for side, extent, place in zip(grid, (area * aspect, area / aspect), drawn[2:], strict=True):
        extent = extent.sqrt().round().clamp(1, side)
        start = (place * (side - extent + 1)).floor()
        index = torch.arange(side)
        spans.append((index >= start[:, None]) & (index < (start + extent)[:, None]))
    rows, columns = spans
    rectangles: Tensor = rows[:, :, None] & columns[:, None, :]
    return rectangles


def _repaired(masked: Tensor, wanted: int, generator: Generator) -> Tensor:
    """With exactly `wanted` hidden patches per image: neighbours of hidden patches first."""
    missing = wanted - masked.sum(dim=(1, 2))
    while missing.any():
        border = (_touching(masked) & ~masked).flatten(1)
        keys = torch.rand(border.shape, generator=generator) + 2.0 * masked.flatten(1) - border.float()
        rank = keys.argsort(dim=1, stable=True).argsort(dim=1)  # the border first, hidden patches last
        most = torch.where(border.any(dim=1), border.sum(dim=1), 1)
        masked = masked | (rank < torch.minimum(missing, most)[:, None]).reshape(masked.shape)
        missing = wanted - masked.sum(dim=(1, 2))
    return masked


def _touching(masked: Tensor) -> Tensor:
    """Patches with a hidden one above, below, left or right of them."""
    wide = F.pad(masked, (1, 1, 1, 1))
    touching: Tensor = wide[:, :-2, 1:-1] | wide[:, 2:, 1:-1] | wide[:, 1:-1, :-2] | wide[:, 1:-1, 2:]
    return touching
