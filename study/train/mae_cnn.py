"""Masked autoencoder around a convolutional trunk of timm.

Hidden cells are set to 0 after normalisation, the mean grey; the trunk's maps of all depths go
through a light decoder with lateral connections.

Reference: Xiao et al., WACV 2023, arXiv:2210.12843 (there the loss counts all pixels).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import StudyError, UnsupportedError
from study.train.mae_target import patchify, pick
from study.train.masking import Masks

MIN_CELLS, CELLS = 6, 8
NARROWEST = 8


class CnnAutoencoder(nn.Module):
    """Trunk and decoder.

    Attributes:
        trunk: timm CNN, head unused.
        decoder: what is thrown away afterwards.
        grid: rows and columns of mask cells.
        patch_size: side of a mask cell, pixels.
    """

    def __init__(self, trunk: nn.Module, *, image_size: int, width: int, depth: int, name: str) -> None:
        super().__init__()
        if not hasattr(trunk, "forward_intermediates"):
            raise UnsupportedError(f"mae pretraining needs the maps of all depths; timm's '{name}' does not give them")
        self.trunk: Any = trunk
        self.patch_size = cell_size(image_size)
        self.grid = (image_size // self.patch_size, image_size // self.patch_size)
        with torch.no_grad():
            probe = next(trunk.parameters()).new_zeros(1, _in_chans(trunk), image_size, image_size)
            shapes = [tuple(feature.shape[1:]) for feature in _features(trunk.eval(), probe)]
        self.decoder = Decoder(shapes, image_size=image_size, in_chans=probe.shape[1], width=width, depth=depth)

    def forward(self, images: Tensor, masks: Masks, *, all_patches: bool = False) -> tuple[Tensor, Tensor]:
        """Predicted cells and which they are; as `VitAutoencoder.forward`."""
        visible = (~masks.masked).to(images.dtype).reshape(-1, 1, *self.grid)
        visible = visible.repeat_interleave(self.patch_size, 2).repeat_interleave(self.patch_size, 3)
        maps = _features(self.trunk, images * visible)
        ids = torch.cat([masks.ids_keep, masks.ids_masked], dim=1) if all_patches else masks.ids_masked
        return pick(patchify(self.decoder(maps), self.patch_size), ids), ids


class Decoder(nn.Module):
    """From the deepest map up: enlarge, add the lateral map, convolve; half the width per level."""

    def __init__(
        self, shapes: list[tuple[int, ...]], *, image_size: int, in_chans: int, width: int, depth: int
    ) -> None:
        super().__init__()
        deepest_first = shapes[::-1]
        widths = [max(NARROWEST, width >> level) for level in range(len(shapes))]
        self.lateral = nn.ModuleList(
            [nn.Conv2d(shape[0], wide, 1) for shape, wide in zip(deepest_first, widths, strict=True)]
        )
        self.narrow = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in pairwise(widths)])
        self.mix = nn.ModuleList([nn.Sequential(*[_convolution(wide) for _ in range(depth)]) for wide in widths])
        self.enlarge = image_size // deepest_first[-1][1]
        self.predict = nn.Conv2d(widths[-1], self.enlarge**2 * in_chans, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps of all depths, shallowest first -> [B, C, H, W]."""
        deepest, *shallower = maps[::-1]
        state = self.mix[0](self.lateral[0](deepest))
        for level, feature in enumerate(shallower, start=1):
            enlarged = F.interpolate(self.narrow[level - 1](state), size=feature.shape[2:], mode="nearest")
            state = self.mix[level](enlarged + self.lateral[level](feature))
        return F.pixel_shuffle(self.predict(state), self.enlarge)


def cell_size(image_size: int) -> int:
    """Side of a mask cell in pixels: about 8 x 8 cells per image, at least 6 x 6.

    Raises:
        StudyError: the image side has no divisor that gives a grid of 6 to 16 cells.
    """
    counts = [cells for cells in range(MIN_CELLS, 2 * CELLS + 1) if image_size % cells == 0]
    if not counts:
        raise StudyError(
            f"image_size {image_size} cannot be cut into 6 to 16 equal cells for masking; use a multiple of 8"
        )
    return image_size // min(counts, key=lambda cells: (abs(cells - CELLS), cells))


def recalibrate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace BatchNorm statistics by the average over these unmasked batches, in place; everything else stays."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
    module.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        for batch in batches:
            module(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    module.eval()


def _convolution(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


def _features(trunk: Any, images: Tensor) -> list[Tensor]:
    maps: list[Tensor] = trunk.forward_intermediates(images, intermediates_only=True)
    return maps


def _in_chans(trunk: nn.Module) -> int:
    return next(part.in_channels for part in trunk.modules() if isinstance(part, nn.Conv2d))
