"""How alike two maps are: rank correlation, structural similarity, histograms of oriented gradients.

Rank correlations are those of the raw maps. Structural similarity and oriented gradients speak of what is
seen: absolute values, brought to the size of the image and stretched to [0, 1].
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from study.errors import UnsupportedError
from study.measure.adcc import correlation
from study.measure.scale import constant, finite, scaled

WINDOW = (0.2,) * 5
"""Weights of the window of `ssim` along each side: uniform, 5 pixels, as in the published sanity checks."""


class Profile(NamedTuple):
    """What of B maps is compared; made once where a map is compared with many.

    Attributes:
        ranks, ranks_abs: [B, h, w] of the raw maps and of their absolute values.
        shown: [B, H, W] absolute values at the size of the image, each map stretched to [0, 1].
        hog: [B, blocks, values] of `shown`.
        usable: [B] True where the map is finite.
    """

    ranks: Tensor
    ranks_abs: Tensor
    shown: Tensor
    hog: Tensor
    usable: Tensor


class Likeness(NamedTuple):
    """Rank correlation of the maps and of their absolute values, structural similarity, correlation of `hog`; [B]."""

    spearman: Tensor
    spearman_abs: Tensor
    ssim: Tensor
    hog: Tensor


def profile(raw: Tensor, size: tuple[int, int]) -> Profile:
    """What is compared of raw maps [B, h, w] of images of this size (H, W)."""
    maps = raw.float().abs()
    flat = constant(maps)
    if maps.shape[-2:] != size:
        maps = F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
    # Interpolating a constant leaves rounding errors, which stretching would turn into a picture.
    shown = scaled(maps).masked_fill(flat[:, None, None], 0.0)
    return Profile(ranks(raw), ranks(raw.abs()), shown, hog(shown), finite(raw))


def compare(first: Profile, second: Profile) -> Likeness:
    """Four kinds of likeness, [B] float64 in [-1, 1] each; NaN where a map is constant or not finite."""
    values = (
        correlation(first.ranks, second.ranks),
        correlation(first.ranks_abs, second.ranks_abs),
        ssim(first.shown, second.shown).masked_fill(constant(first.shown) | constant(second.shown), float("nan")),
        correlation(first.hog, second.hog),
    )
    unusable = ~(first.usable & second.usable)
    return Likeness(*(value.masked_fill(unusable, float("nan")) for value in values))


def ranks(maps: Tensor) -> Tensor:
    """[B, H, W] float64 place of each pixel in ascending order, from 0; ties share their mean place."""
    values, order = maps.flatten(1).sort(dim=1)
    count = values.shape[1]
    places = torch.arange(count, device=maps.device)
    rises = values[:, 1:] != values[:, :-1]
    first = torch.where(F.pad(rises, (1, 0), value=True), places, 0).cummax(dim=1).values
    last = torch.where(F.pad(rises, (0, 1), value=True), places, count - 1).flip(1).cummin(dim=1).values.flip(1)
    shared = (first + last).double() / 2
    return torch.zeros_like(shared).scatter(1, order, shared).view(maps.shape)


def ssim(
    first: Tensor, second: Tensor, *, window: tuple[float, ...] = WINDOW, span: float = 1.0, correction: int = 1
) -> Tensor:
    """Mean structural similarity over all windows that lie inside the map, [B] float64 in [-1, 1].

    Args:
        first, second: [B, H, W] on the same scale.
        window: weights along each side, adding up to 1.
        span: difference between the largest and the smallest value that is possible on this scale.
        correction: variances are divided by n - correction, n the pixels of a window: 1 for those of a sample, as
            in the published sanity checks (scikit-image), 0 as in the paper.

    Raises:
        UnsupportedError: maps smaller than the window.

    Reference: Wang et al., IEEE TIP 13(4), 2004, Eq. 13, with K1 = 0.01 and K2 = 0.03.
    """
    if min(first.shape[-2:]) < len(window):
        size = " x ".join(str(side) for side in first.shape[-2:])
        raise UnsupportedError(
            f"structural similarity looks through {len(window)} x {len(window)} pixels, not at {size}"
        )
    pixels = len(window) ** 2
    sample = pixels / (pixels - correction)
    stable_mean, stable_spread = (0.01 * span) ** 2, (0.03 * span) ** 2
    a, b = first.double(), second.double()
    mean_a, mean_b = _windowed(a, window), _windowed(b, window)
    spread = sample * (_windowed(a * a + b * b, window) - mean_a.square() - mean_b.square())
    common = sample * (_windowed(a * b, window) - mean_a * mean_b)
    light = (2 * mean_a * mean_b + stable_mean) / (mean_a.square() + mean_b.square() + stable_mean)
    alike = light * (2 * common + stable_spread) / (spread + stable_spread)
    return alike.mean(dim=(1, 2)).clamp(-1, 1)


def hog(maps: Tensor, *, cell: int = 16, block: int = 3, bins: int = 9) -> Tensor:
    """Histograms of oriented gradients, [B, blocks, values of a block] float64.

    Central differences (none at the border); directions modulo 180 degrees in equal bins, each pixel voting
    with its magnitude; mean votes of each cell; every block of cells divided by its length, cut at 0.2 and
    divided again. As in scikit-image, with the cells of the published sanity checks. Where a block would not
    fit into the map, cells are as much smaller: within a smaller block nearly everything would be cut at 0.2.

    Args:
        maps: [B, H, W].
        cell: side of a cell, pixels, for maps of at least `block` cells; what is left over at the right and
            below is not seen.
        block: side of a block, cells; blocks overlap.
        bins: directions.

    Reference: Dalal and Triggs, CVPR 2005.
    """
    cell = max(1, min(cell, min(maps.shape[-2:]) // block))
    values = maps.double()
    down, right = torch.zeros_like(values), torch.zeros_like(values)
    down[:, 1:-1] = values[:, 2:] - values[:, :-2]
    right[:, :, 1:-1] = values[:, :, 2:] - values[:, :, :-2]
    magnitude = torch.hypot(down, right)
    direction = torch.rad2deg(torch.atan2(down, right)).remainder(180)
    bin_ = (direction * (bins / 180)).long().clamp(max=bins - 1)
    votes = [F.avg_pool2d(torch.where(bin_ == i, magnitude, 0.0)[:, None], cell)[:, 0] for i in range(bins)]
    cells = torch.stack(votes, dim=3)  # [B, rows, columns, bins]
    blocks = cells.unfold(1, min(block, cells.shape[1]), 1).unfold(2, min(block, cells.shape[2]), 1)
    features = blocks.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(1, 2)
    return _unit(_unit(features).clamp(max=0.2))


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=2, keepdim=True) + 1e-10).sqrt()


def _windowed(maps: Tensor, window: tuple[float, ...]) -> Tensor:
    """Weighted means of all windows inside the maps, [B, H - n + 1, W - n + 1]."""
    rows = maps.shape[1] - len(window) + 1
    columns = maps.shape[2] - len(window) + 1
    down = sum((weight * maps[:, i : i + rows] for i, weight in enumerate(window)), start=maps.new_zeros(()))
    return sum((weight * down[:, :, i : i + columns] for i, weight in enumerate(window)), start=maps.new_zeros(()))
