"""Random augmentation: a few operations of a list on every film, in random strength.

Strengths are those of timm's `rand-m<magnitude>-mstd<deviation>-inc1`, in which every operation grows with the
magnitude. All films that drew the same operation are worked on together.

Reference: Cubuk et al., CVPR Workshops 2020, arXiv:1909.13719; Wightman, timm, data/auto_augment.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional as F
from torchvision.transforms.v2.functional import equalize

STRONGEST = 10.0
LEVELS = 255.0
"""Grey levels above black of an 8-bit film, in which thresholds are counted."""


class Strength(NamedTuple):
    """Of an operation on [n] films: level in [0, 1], and the direction +1 or -1 where it has one."""

    level: Tensor
    sign: Tensor


def randaug(images: Tensor, settings: Mapping[str, Any], generator: Generator, *, mean: float, std: float) -> Tensor:
    """`layers` operations in a row, each drawn from `ops` and done with `probability`.

    Args:
        images: [B, 1, H, W] normalised with `mean` and `std`; grey values are cut to [0, 1] by what changes them, and
            what moves pixels fills the border with the mean.
        settings: `ops` (names in `OPERATIONS`), `magnitude` and `deviation` (0 to 10), `layers`, `probability`.
        generator: CPU generator.
    """
    names, batch = settings["ops"], len(images)
    images = images.clone()
    for _ in range(settings["layers"]):
        chosen = torch.randint(len(names), (batch,), generator=generator)
        done = torch.rand(batch, generator=generator) < settings["probability"]
        drawn = settings["magnitude"] + settings["deviation"] * torch.randn(batch, generator=generator)
        levels = drawn.clamp(0, STRONGEST) / STRONGEST
        signs = 1.0 - 2.0 * (torch.rand(batch, generator=generator) < 0.5)
        for place, name in enumerate(names):
            rows = torch.nonzero((chosen == place) & done)[:, 0]
            if len(rows):
                strength = Strength(levels[rows].to(images.device), signs[rows].to(images.device))
                images[rows.to(images.device)] = _operated(name, images[rows.to(images.device)], strength, mean, std)
    return images


def _operated(name: str, images: Tensor, strength: Strength, mean: float, std: float) -> Tensor:
    if name in MOVES:
        return _moved(images, MOVES[name](strength.level * strength.sign))
    grey = (images * std + mean).clamp(0, 1)
    changed: Tensor = GREYS[name](grey, strength)
    return (changed.clamp(0, 1) - mean) / std


def _matrix(**entries: Tensor) -> Tensor:
    """[n, 2, 3] from output to input in coordinates [-1, 1]; the identity where no entry is given."""
    [count] = {len(entry) for entry in entries.values()}
    matrix = torch.eye(2, 3).repeat(count, 1, 1).to(next(iter(entries.values())))
    for name, entry in entries.items():
        matrix[:, int(name[1]), int(name[2])] = entry
    return matrix


def _rotation(level: Tensor) -> Tensor:
    """Up to 30 degrees."""
    angle = level * math.radians(30)
    return _matrix(m00=angle.cos(), m01=-angle.sin(), m10=angle.sin(), m11=angle.cos())


def _moved(images: Tensor, matrix: Tensor) -> Tensor:
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)


def _toward(images: Tensor, plain: Tensor, strength: Strength) -> Tensor:
    """Away from a plain film (contrast up) or towards it, by up to 0.9, as Pillow's enhancers do."""
    factor = (1 + 0.9 * strength.level * strength.sign).clamp(min=0.1)[:, None, None, None]
    return plain + factor * (images - plain)


def _sharpened(images: Tensor, strength: Strength) -> Tensor:
    kernel = torch.tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]).to(images) / 13
    plain = images.clone()
    plain[..., 1:-1, 1:-1] = F.conv2d(images, kernel[None, None])
    return _toward(images, plain, strength)


def _stretched(images: Tensor, strength: Strength) -> Tensor:
    low, high = images.amin(dim=(1, 2, 3), keepdim=True), images.amax(dim=(1, 2, 3), keepdim=True)
    flat = high <= low
    return torch.where(flat, images, (images - low) / (high - low).masked_fill(flat, 1.0))


def _equalized(images: Tensor, strength: Strength) -> Tensor:
    levels: Tensor = equalize((images * LEVELS).round().to(torch.uint8))
    return levels.to(images) / LEVELS


def _posterized(images: Tensor, strength: Strength) -> Tensor:
    """The upper 4 bits and fewer, down to none."""
    step = 2.0 ** (8 - (4 - (4 * strength.level).floor()))[:, None, None, None]
    return ((images * LEVELS).round() / step).floor() * step / LEVELS


def _solarized(images: Tensor, strength: Strength) -> Tensor:
    threshold = (256 - (256 * strength.level).floor())[:, None, None, None]
    return torch.where(images * LEVELS < threshold, images, 1 - images)


def _brightened(images: Tensor, strength: Strength) -> Tensor:
    """Dark pixels made brighter by up to 110 levels."""
    more = (110 * strength.level).floor().clamp(max=128)[:, None, None, None] / LEVELS
    return torch.where(images * LEVELS < 128, (images + more).clamp(max=1), images)


MOVES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "rotate": _rotation,
    "shear_x": lambda level: _matrix(m01=0.3 * level),
    "shear_y": lambda level: _matrix(m10=0.3 * level),
    "translate_x": lambda level: _matrix(m02=2 * 0.45 * level),
    "translate_y": lambda level: _matrix(m12=2 * 0.45 * level),
}
"""Signed level in [-1, 1] -> matrix; shifts are shares of the film's side."""

GREYS: Mapping[str, Callable[[Tensor, Strength], Tensor]] = {
    "brightness": lambda images, strength: _toward(images, torch.zeros_like(images), strength),
    "contrast": lambda images, strength: _toward(images, images.mean(dim=(1, 2, 3), keepdim=True), strength),
    "sharpness": _sharpened,
    "autocontrast": _stretched,
    "equalize": _equalized,
    "invert": lambda images, strength: 1 - images,
    "posterize": _posterized,
    "solarize": _solarized,
    "solarize_add": _brightened,
}
"""Films [n, 1, H, W] in [0, 1] -> films, to be cut to [0, 1]."""

OPERATIONS = (*MOVES, *GREYS)
