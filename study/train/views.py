"""Random views of a batch: crops, flips, brightness. Drawn for all films at once, then applied.

A crop is axis-parallel, so bilinear resampling is two small matrix products per film, one
along each axis; that is several times faster on a CPU than a general affine warp.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

ASPECT = (3 / 4, 4 / 3)
CUTOUT_CELLS = 8
ERASED = (0.02, 1 / 3)
"""Smallest and largest share of a film that `erase` fills."""


class Crops(NamedTuple):
    """Windows in [0, 1] image coordinates: [B] start and extent along each axis, and mirroring."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    mirrored: Tensor

    def at(self, films: Tensor | slice) -> Crops:
        """Those of some of the films."""
        return Crops(*(drawn[films] for drawn in self))


def draw_crops(
    batch: int, scale: tuple[float, float], *, flip: bool, generator: Generator, focus: float = 0.0
) -> Crops:
    """Windows of random area, shape and place.

    Args:
        batch: number of films.
        scale: lowest and highest share of the area, in (0, 1]; the aspect ratio is log-uniform in [3/4, 4/3].
        flip: mirror half of the films left to right.
        generator: CPU generator.
        focus: 0 for places that are equally likely; else the shift from the middle, as a share of the largest
            possible one, is normal with this deviation along each axis, without what would lie beyond 1.

    Returns:
        Windows inside the image; a side that would be longer than the image is cut to it.
    """
    area, aspect, x, y, side = torch.rand(5, batch, generator=generator)
    area = scale[0] + (scale[1] - scale[0]) * area
    aspect = torch.exp(math.log(ASPECT[0]) + (math.log(ASPECT[1]) - math.log(ASPECT[0])) * aspect)
    width, height = ((area * ratio).sqrt().clamp(max=1) for ratio in (aspect, 1 / aspect))
    if focus > 0:
        x, y = _focused(x, focus), _focused(y, focus)
    return Crops(x * (1 - width), y * (1 - height), width, height, (side < 0.5) & flip)


def crop(images: Tensor, crops: Crops) -> Tensor:
    """The windows of `images` [B, C, H, W], resampled bilinearly to the same size."""
    across = _resampling(crops.x, crops.width, images.shape[3], mirrored=crops.mirrored)
    down = _resampling(crops.y, crops.height, images.shape[2], mirrored=torch.zeros_like(crops.mirrored))
    with torch.autocast(images.device.type, enabled=False):  # pixels keep their precision
        rows: Tensor = torch.matmul(down.to(images.device)[:, None], images)
        return torch.matmul(rows, across.to(images.device)[:, None].transpose(2, 3))


def jitter(images: Tensor, strength: float, generator: Generator) -> Tensor:
    """Contrast times 1 + a, brightness plus b, with a, b uniform in +-strength (normalised units)."""
    drawn = (2 * torch.rand(2, len(images), 1, 1, 1, generator=generator) - 1) * strength
    drawn = drawn.to(images.device)
    return images * (1 + drawn[0]) + drawn[1]


def hide(images: Tensor, largest: float, generator: Generator) -> Tensor:
    """Squares of a grid of 8 x 8 set to 0, the mean grey; how many is uniform up to the share `largest` of them.

    Cutout (DeVries and Taylor 2017, arXiv:1708.04552) with more and smaller squares, so that the classifier
    meets every degree of occlusion.
    """
    cells = torch.rand(len(images), CUTOUT_CELLS, CUTOUT_CELLS, generator=generator)
    shares = largest * torch.rand(len(images), 1, 1, generator=generator)
    seen = (cells >= shares).to(images)[:, None]
    return images * F.interpolate(seen, size=images.shape[-2:], mode="nearest")


def erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """One rectangle of 2 % to a third of a film filled with normal noise, in this share of the films.

    Random erasing (Zhong et al. 2020, arXiv:1708.04896) with the fill of timm's mode `pixel`; the aspect ratio is
    log-uniform in [0.3, 3.3], and a side that would be longer than the film is cut to it.
    """
    height, width = images.shape[-2:]
    chance, area, aspect, y, x = torch.rand(5, len(images), generator=generator)
    area = ERASED[0] + (ERASED[1] - ERASED[0]) * area
    aspect = torch.exp(math.log(0.3) * (1 - 2 * aspect))
    rows, columns = (area * aspect).sqrt().clamp(max=1) * height, (area / aspect).sqrt().clamp(max=1) * width
    tall = _between(y * (height - rows), rows, height)
    broad = _between(x * (width - columns), columns, width)
    gone: Tensor = (tall[:, :, None] & broad[:, None, :] & (chance < probability)[:, None, None])[:, None]
    noise = torch.randn(images.shape, generator=generator).to(images)
    return torch.where(gone.to(images.device), noise, images)


def _between(start: Tensor, extent: Tensor, size: int) -> Tensor:
    """[B, size] bool: pixels whose centre lies in the interval."""
    centres = torch.arange(size) + 0.5
    inside: Tensor = (centres >= start[:, None]) & (centres < (start + extent)[:, None])
    return inside


def _focused(uniform: Tensor, deviation: float) -> Tensor:
    """Uniform numbers in [0, 1] -> places in [0, 1] around the middle: a normal law cut at the ends, not clamped."""
    end = torch.special.ndtr(torch.tensor(1 / deviation, dtype=torch.float64))
    drawn: Tensor = deviation * torch.special.ndtri(1 - end + uniform.double() * (2 * end - 1))
    return ((1 + drawn.clamp(-1, 1)) / 2).to(uniform.dtype)


def _resampling(start: Tensor, extent: Tensor, size: int, *, mirrored: Tensor) -> Tensor:
    """[B, size, size]: row i holds the weights of the source pixels for output pixel i."""
    centres = (torch.arange(size) + 0.5) / size
    places = torch.where(mirrored[:, None], 1 - centres, centres)
    source = ((start[:, None] + extent[:, None] * places) * size - 0.5).clamp(0, size - 1)
    return (1 - (source[:, :, None] - torch.arange(size)).abs()).clamp_(min=0)
