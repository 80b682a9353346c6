"""Fixed sine-cosine position tables."""

from __future__ import annotations

import torch
from torch import Tensor


def sincos(grid: tuple[int, int], width: int, prefix: int = 0) -> Tensor:
    """Position table of a patch grid: sin x, cos x, sin y, cos y, a quarter of the width each.

    Frequencies are 10000^(-k / (width / 4)), coordinates whole numbers from 0. The column
    comes first, as in the published MAE weights.

    Args:
        grid: rows and columns.
        width: a multiple of 4.
        prefix: rows of zeros in front, for class and register tokens.

    Returns:
        [prefix + rows * columns, width] float32.

    Reference: Vaswani et al. 2017, arXiv:1706.03762; He et al. 2022, arXiv:2111.06377.
    """
    frequencies = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    angles = [place.reshape(-1, 1) * frequencies for place in (columns, rows)]
    table = torch.cat([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=1)
    return torch.cat([table.new_zeros(prefix, width), table]).float()
