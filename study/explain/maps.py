"""What happens to a raw map after it was made: up to input size, into a file and back."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from study.registry import ATTRIBUTIONS


class Packed(NamedTuple):
    """Maps for a file: `values * scale` per image gives them back.

    Attributes:
        values: [B, h, w] float16, within [-1, 1]; NaN and infinities are kept.
        scale: [B] float32, the largest finite absolute value of each map; 1 for zero maps.
    """

    values: NDArray[np.float16]
    scale: NDArray[np.float32]


def to_input_size(
    name: str, raw: Tensor, size: tuple[int, int], *, settings: Mapping[str, Any] | None = None
) -> Tensor:
    """Maps at the size of the image, as metrics read them.

    Negative values of a method whose negative part has no meaning (`rectified`) are cut
    before interpolation, because afterwards they would eat into their positive neighbours.
    A control that is made by another method (`method`) is treated as that method's maps are.

    Args:
        name: of the registry.
        raw: [B, h, w], any scale.
        size: (H, W) of the image.
        settings: parameters that differ from the registry's defaults; only `method` is read.

    Returns:
        [B, H, W] float32, bilinear with half-pixel centres; a copy, even at equal size.
    """
    entry = ATTRIBUTIONS[name]
    made_by = {**entry.parameters, **(settings or {})}.get("method")
    rectified = ATTRIBUTIONS[made_by].rectified if made_by else entry.rectified
    maps = raw.float().clamp(min=0) if rectified else raw.float().clone()
    if maps.shape[-2:] == size:
        return maps
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def pack(raw: Tensor) -> Packed:
    """Half-precision copy of the maps; dividing by the scale first saves small gradients from underflow.

    Args:
        raw: [B, h, w], any scale.
    """
    finite = torch.where(raw.isfinite(), raw.abs(), 0.0)
    scale = finite.amax(dim=(1, 2)).float() if raw.numel() else raw.new_zeros(len(raw))
    # A reciprocal of a subnormal scale would overflow: such maps are zero for every purpose.
    scale = torch.where(scale > torch.finfo(torch.float32).tiny, scale, torch.ones_like(scale))
    values = (raw.float() / scale[:, None, None]).half()
    return Packed(values.cpu().numpy(), scale.cpu().numpy())


def unpack(values: NDArray[Any], scale: NDArray[Any]) -> Tensor:
    """Maps [B, h, w] float32 as `pack` found them, to three significant digits."""
    return torch.from_numpy(np.asarray(values, np.float32) * np.asarray(scale, np.float32)[:, None, None])
