"""In which order pixels or tiles leave an image, and after how many of them it is looked at."""

from typing import Literal

import torch
from torch import Tensor

from study.registry import METRICS

Order = Literal["morf", "lerf"]
ORDERS: tuple[Order, Order] = ("morf", "lerf")

STEPS: int = METRICS["deletion"].parameters["steps"]
ROAD_STEPS: int = METRICS["road"].parameters["steps"]
"""Steps of a curve where nobody says otherwise."""


def step_counts(units: int, *, steps: int | None = None, step_pixels: int | None = None) -> Tensor:
    """Pixels (or tiles) replaced after each step, [n + 1] int64 from 0 to `units`.

    Equal `steps` are laid out symmetrically (what is left after k steps was replaced after n - k), so
    that they serve insertion as well; only the middle of an odd number of pixels cannot be.

    Args:
        units: number of pixels or tiles.
        steps: number of equal steps, at most one per unit; 16 where neither this nor `step_pixels` is given.
        step_pixels: units per step instead, the last step may be smaller (RISE).

    Raises:
        ValueError: both are given, or one below 1.
    """
    if steps is not None and step_pixels is not None:
        raise ValueError("give steps or step_pixels, not both")
    size = step_pixels if step_pixels is not None else steps if steps is not None else STEPS
    if size < 1:
        raise ValueError(f"a curve needs steps of at least one pixel and at least one step, not {size}")
    if step_pixels is not None:
        return torch.tensor([*range(0, units, step_pixels), units])
    n = min(size, units)
    first = torch.arange(n + 1) * units // n
    return torch.where(torch.arange(n + 1) * 2 <= n, first, units - first.flip(0))


def road_counts(units: int, *, steps: int | None = None, step_pixels: int | None = None) -> Tensor:
    """As `step_counts` for imputation, [n] int64 from 0: the last step is left out, nothing would be known after it.

    After k of n steps as many pixels are gone as are not below the percentile 100 (1 - k / n) of a map without
    ties, which is what pytorch-grad-cam removes: P - ceil((P - 1) (n - k) / n).
    """
    whole = step_counts(units, steps=steps, step_pixels=step_pixels)
    if step_pixels is not None:
        return whole[:-1]
    n = len(whole) - 1
    kept = ((units - 1) * (n - torch.arange(n)) + n - 1) // n
    kept[0] = units
    return units - kept


def grid(size: tuple[int, int], tile: int) -> tuple[int, int]:
    """Rows and columns of tiles of this side that cover an image (height, width), the last ones cut."""
    if tile < 1:
        raise ValueError(f"a tile has at least one pixel, not {tile}")
    return -(-size[0] // tile), -(-size[1] // tile)


def tile_sums(maps: Tensor, tile: int) -> Tensor:
    """Heat of every tile: [B, H, W] -> [B, rows, columns] float64; pixels themselves for tiles of one pixel."""
    if tile == 1:
        return maps
    down, across = grid((maps.shape[-2], maps.shape[-1]), tile)
    padded = maps.new_zeros(len(maps), down * tile, across * tile, dtype=torch.float64)
    padded[:, : maps.shape[-2], : maps.shape[-1]] = maps
    return padded.view(len(maps), down, tile, across, tile).sum(dim=(2, 4))


def over_pixels(tiles: Tensor, tile: int, size: tuple[int, int]) -> Tensor:
    """A value per tile -> the same value on all of its pixels: [..., rows, columns] -> [..., H, W]."""
    if tile == 1:
        return tiles
    wide = tiles.repeat_interleave(tile, dim=-2)[..., : size[0], :]
    return wide.repeat_interleave(tile, dim=-1)[..., : size[1]]


def ranks(values: Tensor) -> Tensor:
    """Place of each value in MoRF (decreasing) and in LeRF (increasing) order, [2, B, h, w] int32.

    Equal values follow each other row by row from the top left in both, so that a tie favours neither.
    """
    flat = values.flatten(1)
    places = torch.arange(flat.shape[1], dtype=torch.int32, device=values.device).expand_as(flat)
    found = torch.empty((len(ORDERS), *flat.shape), dtype=torch.int32, device=values.device)
    for rank, descending in zip(found, (True, False), strict=True):
        rank.scatter_(1, flat.argsort(dim=1, descending=descending, stable=True), places)
    return found.view(len(ORDERS), *values.shape)
