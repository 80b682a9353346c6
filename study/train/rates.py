"""Learning rates: of each parameter, and of each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

Group = dict[str, Any]


def parameter_groups(
    module: nn.Module, *, weight_decay: float, scales: Mapping[str, float] | None = None
) -> list[Group]:
    """AdamW groups: no decay for vectors and tokens, rates scaled by parameter name.

    Args:
        module: its parameters that need gradients are grouped.
        weight_decay: of matrices and kernels.
        scales: factor of the rate by full parameter name; 1 where absent.
    """
    groups: dict[tuple[float, float], Group] = {}
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        bare = parameter.ndim <= 1 or name.split(".")[-1].endswith(("_token", "_embed"))
        decay, scale = 0.0 if bare else weight_decay, (scales or {}).get(name, 1.0)
        groups.setdefault((scale, decay), {"params": [], "weight_decay": decay, "lr_scale": scale})
        groups[scale, decay]["params"].append(parameter)
    return list(groups.values())


def rate(step: int, of: int, *, lr: float, warmup: float, min_lr: float = 0.0) -> float:
    """Learning rate of a step: linear to `lr` over the first `warmup * of` steps, then half a cosine to `min_lr`."""
    rising = warmup * of
    if step < rising:
        return lr * (step + 1) / (math.floor(rising) + 1)
    return min_lr + (lr - min_lr) * 0.5 * (1 + math.cos(math.pi * (step - rising) / (of - rising)))


def rates_told(settings: Mapping[str, Any]) -> dict[str, float]:
    """`lr`, and `blr`, the base rate per 256 films of a step that it comes from; empty for a stage without a rate."""
    if "lr" not in settings:
        return {}
    return {"lr": settings["lr"], "blr": settings["lr"] * 256 / settings["batch_size"]}
