"""Where films catch the eye: centre-surround differences, and the place where they are greatest.

Reference: Uddin et al., SaliencyMix, ICLR 2021, arXiv:2006.01791, with OpenCV's fine-grained static saliency (Montabone
and Soto 2010); here differences of Gaussians at three scales in its place.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALES = ((1.0, 2.0), (2.0, 4.0), (4.0, 8.0))
"""Deviations of centre and surround, pixels."""
SMOOTHING = 1.0
"""Of the saliency before its peak is taken, pixels."""


def saliency(images: Tensor, ignored: Tensor | None = None) -> Tensor:
    """Sum over scales of |G_centre - G_surround| of the grey film.

    Args:
        images: [B, C, H, W]; the mean of the channels is looked at.
        ignored: [B, 1, H, W], 1 where there is nothing to see: neither smoothed in nor salient.

    Returns:
        [B, H, W] >= 0. Beyond the border and in ignored places there are no pixels, so that neither is an edge.
    """
    grey = images.mean(dim=1, keepdim=True)
    seen = torch.ones_like(grey) if ignored is None else 1 - ignored
    smooth = {sigma: _smoothed(grey, seen, sigma) for pair in SCALES for sigma in pair}
    total = sum((smooth[centre] - smooth[surround]).abs() for centre, surround in SCALES)
    found: Tensor = (total * seen)[:, 0]
    return found


def peaks(saliencies: Tensor) -> Tensor:
    """[B, 2] row and column of the greatest value of maps [B, H, W] after light smoothing; the first of equals."""
    maps = saliencies[:, None]
    smooth = _smoothed(maps, torch.ones_like(maps), SMOOTHING)
    places = smooth.flatten(1).argmax(dim=1)
    width = saliencies.shape[-1]
    return torch.stack([places // width, places % width], dim=1)


def boxed(mask: Tensor) -> Tensor:
    """[B, 1, H, W]: 1 in the bounding box of what is above one half in a mask of the same shape."""
    inside = mask > 0.5
    rows, columns = inside.any(dim=3, keepdim=True), inside.any(dim=2, keepdim=True)
    return (_filled(rows, 2) & _filled(columns, 3)).to(mask)


def _filled(marks: Tensor, dim: int) -> Tensor:
    """True from the first to the last True."""
    forward = marks.long().cumsum(dim) > 0
    backward = marks.long().flip(dim).cumsum(dim).flip(dim) > 0
    return forward & backward


def _smoothed(values: Tensor, seen: Tensor, sigma: float) -> Tensor:
    """Gaussian mean of the seen values [B, 1, H, W]; 0 where none is near."""
    return _blurred(values * seen, sigma) / _blurred(seen, sigma).clamp(min=1e-6)


def _blurred(values: Tensor, sigma: float) -> Tensor:
    """Two matrix products, which on a CPU are faster than a convolution of one channel."""
    across = torch.matmul(values, _gaussian(values.shape[3], sigma, values).T)
    return torch.matmul(_gaussian(values.shape[2], sigma, values), across)


def _gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    """[size, size]: row i holds the weights around pixel i, which sum to 1."""
    pixels = torch.arange(size, device=like.device)
    weights = torch.exp(-0.5 * ((pixels[:, None] - pixels) / sigma) ** 2)
    return (weights / weights.sum(dim=1, keepdim=True)).to(like)
