"""How many films a model scores at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CUDA_ROWS, CPU_ROWS = 256, 64

CPU_PIXELS = 2**19
"""Pixels a CPU scores at a time, 10 films of 224 x 224: the activations of more leave its cache, and cost a fifth to a
third of the time (resnet18, ViT-small)."""


def rows_at_a_time(images: Tensor) -> int:
    """Films like `images` [B, C, H, W] that go through a model together, at least 1."""
    if images.device.type == "cuda":
        return CUDA_ROWS
    return max(1, min(CPU_ROWS, CPU_PIXELS // (images.shape[-2] * images.shape[-1])))
