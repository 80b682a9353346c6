"""A moving average of weights, which is often a better classifier than the weights of the last step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


@torch.no_grad()
def follow(average: State, module: nn.Module, *, decay: float, step: int) -> None:
    """Move an average of weights and buffers towards the module, in place: a <- d a + (1 - d) w.

    Args:
        average: tensors under the names of the module's state; counters are copied.
        module: after its step.
        decay: at most; d = min(decay, (1 + step) / (10 + step)), so that a short training forgets where it began.
        step: counted from 1.

    Reference: Polyak and Juditsky 1992; the rising decay is that of TensorFlow's ExponentialMovingAverage.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, share)
        else:
            average[name].copy_(value)
