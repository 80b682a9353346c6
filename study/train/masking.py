"""Which patches a masked autoencoder hides: drawn first, applied later.

Every image of a batch hides the same number of patches, so that the visible ones stack into
one tensor. Draws are made on the CPU: the same generator state hides the same patches on
every device.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from study.errors import StudyError
from study.registry import lattice_spacing


class Masks(NamedTuple):
    """The hidden patches of a batch; patches are counted row by row, L in all, K visible.

    Attributes:
        masked: [B, L] bool, True = hidden.
        ids_keep: [B, K] int64, the visible patches in the order of their draw.
        ids_masked: [B, L - K] int64, the hidden patches in the order of their draw.
        ids_restore: [B, L] int64; position of every patch in `ids_keep` followed by `ids_masked`.
    """

    masked: Tensor
    ids_keep: Tensor
    ids_masked: Tensor
    ids_restore: Tensor

    def to(self, device: torch.device) -> Masks:
        """The same masks on another device."""
        return Masks(*(part.to(device) for part in self))

    def at(self, images: slice) -> Masks:
        """Those of some of the images."""
        return Masks(*(part[images] for part in self))


def random(batch: int, grid: tuple[int, int], ratio: float, generator: Generator, **_: float) -> Masks:
    """Hide patches with equal probability.

    Args:
        batch: number of images.
        grid: rows and columns of patches, L = rows * columns.
        ratio: share of hidden patches, in (0, 1); K = round(L * (1 - ratio)) stay visible.
        generator: CPU generator.

    Returns:
        Masks with the same number of hidden patches for every image.

    Reference: He et al., CVPR 2022, arXiv:2111.06377.
    """
    length = grid[0] * grid[1]
    return _keep_first(torch.rand(batch, length, generator=generator), n_visible(length, ratio))


def center(
    batch: int, grid: tuple[int, int], ratio: float, generator: Generator, *, sigma: float, floor: float
) -> Masks:
    """Hide patches near the centre more often: draws without replacement, by weight.

    w = f + (1 - f) exp(-(u^2 + v^2) / (2 sigma^2)) with patch centres u, v in [-1, 1]. With
    E ~ Exp(1) the patches with the smallest E / w are hidden (exponential race), which is
    sequential sampling without replacement with probabilities proportional to w.

    Args:
        batch: number of images.
        grid: rows and columns of patches, L = rows * columns.
        ratio: share of hidden patches, in (0, 1); K = round(L * (1 - ratio)) stay visible.
        generator: CPU generator.
        sigma: width of the weight, in half-widths of the image, > 0.
        floor: weight f far from the centre, in (0, 1]; 1 is `random`.

    Returns:
        Masks with the same number of hidden patches for every image. The marginal probability
        of a patch is not proportional to w: it saturates at 1 (see `marginals`).

    Reference: the race is Efraimidis and Spirakis, Inf. Process. Lett. 97 (2006) 181.
    """
    length = grid[0] * grid[1]
    race = torch.empty(batch, length).exponential_(generator=generator)
    return _keep_first(-race / _centre_weight(grid, sigma, floor), n_visible(length, ratio))


def edge(batch: int, grid: tuple[int, int], ratio: float, generator: Generator, *, sigma: float, floor: float) -> Masks:
    """Hide patches far from the centre more often: `center` with the weight turned round.

    w = f + (1 - f) (1 - exp(-(u^2 + v^2) / (2 sigma^2))). As hard as `center`, but the encoder sees the centre: what
    is left of a difference between the two is due to the place and not to the difficulty.

    Args:
        batch: number of images.
        grid: rows and columns of patches, L = rows * columns.
        ratio: share of hidden patches, in (0, 1); K = round(L * (1 - ratio)) stay visible.
        generator: CPU generator.
        sigma: width of the spared centre, in half-widths of the image, > 0.
        floor: weight f of the very centre, in (0, 1]; 1 is `random`.

    Returns:
        Masks with the same number of hidden patches for every image.
    """
    length = grid[0] * grid[1]
    race = torch.empty(batch, length).exponential_(generator=generator)
    weight = 1 + floor - _centre_weight(grid, sigma, floor)
    return _keep_first(-race / weight, n_visible(length, ratio))


def grid(batch: int, grid: tuple[int, int], ratio: float, generator: Generator, **_: float) -> Masks:
    """Hide all but a lattice: one patch of every s x s cell stays, at the same random place in all cells of an image.

    Args:
        batch: number of images.
        grid: rows and columns of patches, both multiples of s.
        ratio: share of hidden patches, 1 - 1 / s^2 for a whole s > 1.
        generator: CPU generator.

    Returns:
        Masks with the same number of hidden patches for every image.

    Raises:
        StudyError: no such lattice has this ratio, or the grid is not a multiple of it.

    Reference: He et al., CVPR 2022, arXiv:2111.06377, Figure 6 (s = 2).
    """
    spacing = lattice_spacing(ratio)
    if spacing is None or grid[0] % spacing or grid[1] % spacing:
        raise StudyError(f"masking grid: a ratio of {ratio:g} is no lattice on {grid[0]} x {grid[1]} patches")
    phase = torch.randint(spacing, (2, batch, 1, 1), generator=generator)
    rows, columns = torch.arange(grid[0])[:, None], torch.arange(grid[1])
    visible = (rows % spacing == phase[0]) & (columns % spacing == phase[1])
    return from_masked(~visible.flatten(1), generator)


def from_masked(masked: Tensor, generator: Generator) -> Masks:
    """The other forms of a mask [B, L] that hides as many patches in every image, in random order."""
    keys = torch.rand(masked.shape, generator=generator) + masked
    return _keep_first(keys, int((~masked[0]).sum()))


def n_visible(length: int, ratio: float) -> int:
    """K = round(L * (1 - ratio)), at least one patch visible and one hidden."""
    return min(max(round(length * (1 - ratio)), 1), length - 1)


def marginals(masks: Masks, grid: tuple[int, int]) -> tuple[float | None, float | None]:
    """Share of hidden patches in the central quarter of the image and in the remainder; None where none lies."""
    across, down = (_centres(side).abs() <= 0.5 for side in (grid[1], grid[0]))
    central = (down[:, None] & across).flatten()
    hidden = masks.masked.float().mean(dim=0)
    shares = (float(hidden[part].mean()) if bool(part.any()) else None for part in (central, ~central))
    return next(shares), next(shares)


def _centres(side: int) -> Tensor:
    return (2 * torch.arange(side) + 1) / side - 1


def _centre_weight(grid: tuple[int, int], sigma: float, floor: float) -> Tensor:
    distance = _centres(grid[0])[:, None] ** 2 + _centres(grid[1]) ** 2
    return (floor + (1 - floor) * torch.exp(-distance / (2 * sigma**2))).flatten()


def _keep_first(keys: Tensor, visible: int) -> Masks:
    """The `visible` patches with the smallest keys stay."""
    order = keys.argsort(dim=1, stable=True)
    masked = torch.ones_like(keys, dtype=torch.bool)
    masked.scatter_(1, order[:, :visible], False)
    return Masks(masked, order[:, :visible], order[:, visible:], order.argsort(dim=1))
