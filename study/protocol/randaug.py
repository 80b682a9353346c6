"""The settings of random augmentation, and two lists of operations."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, ConfigDict

Operation = Literal[
    "rotate", "shear_x", "shear_y", "translate_x", "translate_y", "brightness", "contrast", "sharpness",
    "autocontrast", "equalize", "invert", "posterize", "solarize", "solarize_add",
]  # fmt: skip

RADIOGRAPH_SAFE: tuple[Operation, ...] = (
    "rotate", "shear_x", "shear_y", "translate_x", "translate_y", "brightness", "contrast", "sharpness",
)  # fmt: skip
"""Operations that leave texture readable and bone brighter than air."""

TIMM: tuple[Operation, ...] = (
    "autocontrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarize_add", "contrast", "brightness",
    "sharpness", "shear_x", "shear_y", "translate_x", "translate_y",
)  # fmt: skip
"""The list behind `rand-m...-inc1`; its colour operation leaves grey films as they are."""


class RandAugment(BaseModel):
    """Random operations in a row, in the strengths of timm's `rand-...-inc1` (Cubuk et al. 2020)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    magnitude: Annotated[float, Ge(0), Le(10)] = 6.0
    deviation: Annotated[float, Ge(0), Le(10)] = 0.5
    """Standard deviation of the magnitude."""
    layers: Annotated[int, Ge(1), Le(8)] = 2
    """Operations per film."""
    probability: Annotated[float, Gt(0), Le(1)] = 0.5
    """Of each to be done."""
    ops: Annotated[tuple[Operation, ...], MinLen(1)] = RADIOGRAPH_SAFE
    """What to draw from; those that destroy fine texture (equalize, posterize, solarize) or turn bone black (invert)
    are not among the default ones."""
