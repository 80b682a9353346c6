"""What a masked autoencoder must predict, and how far off it is."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

Kind = Literal["pixel", "norm_pixel"]


class Error(NamedTuple):
    """Scalars over the scored patches of a batch.

    Attributes:
        loss: mean squared error.
        trivial: the same for the constant prediction 0, the mean grey.
        flat: share of patches whose variance is below one grey level's.
    """

    loss: Tensor
    trivial: Tensor
    flat: Tensor


def patchify(images: Tensor, size: int) -> Tensor:
    """[B, C, H, W] -> [B, (H/size)(W/size), size * size * C]; within a patch (row, column, channel)."""
    batch, channels, height, width = images.shape
    cells = images.reshape(batch, channels, height // size, size, width // size, size)
    return cells.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, size * size * channels)


def pick(patches: Tensor, ids: Tensor) -> Tensor:
    """[B, L, P], [B, M] -> [B, M, P]."""
    return patches.gather(1, ids[:, :, None].expand(-1, -1, patches.shape[2]))


def reconstruction_error(prediction: Tensor, patches: Tensor, kind: Kind, *, level: float) -> Error:
    """Squared error of predicted patches, averaged over pixels and patches.

    `pixel`: the target is the normalised pixels. `norm_pixel`: per patch (x - mean) / sqrt(variance + e) with the
    unbiased variance and e = level^2, at least 1e-6: air in a radiograph is flat, and a smaller e would blow
    its rounding noise up to unit variance.

    Args:
        prediction: [B, M, P].
        patches: [B, M, P], the true patches in normalised units.
        kind: target.
        level: one stored grey level in normalised units.

    Returns:
        Scalars; compare 1 - loss / trivial, raw losses of two targets or data sets are not comparable.

    Reference: He et al. 2022, arXiv:2111.06377, Table 1d.
    """
    variance, mean = torch.var_mean(patches.float(), dim=2, keepdim=True)
    target = (patches - mean) / (variance + max(level**2, 1e-6)).sqrt() if kind == "norm_pixel" else patches
    loss = (prediction.float() - target).square().mean()
    return Error(loss, target.square().mean(), (variance < level**2).float().mean())
