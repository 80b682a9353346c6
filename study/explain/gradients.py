"""Gradients of the target's logit, in chunks that bound memory.

Logits of several images are summed before the backward pass. That is each image's own
gradient as long as images do not interact, which holds in eval mode.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

PIXELS_AT_A_TIME = 2**20
"""Pixels in one forward and backward pass: 21 images of 224 x 224, whose activations are kept."""

MOST_ROWS = 128


def chunks(count: int, size: tuple[int, int]) -> Iterator[slice]:
    """Slices of `count` images of this (H, W) that are differentiated together."""
    rows = rows_at_a_time(size)
    return (slice(start, min(start + rows, count)) for start in range(0, count, rows))


def rows_at_a_time(size: tuple[int, int]) -> int:
    """How many images of (H, W) go through one backward pass."""
    return max(1, min(MOST_ROWS, PIXELS_AT_A_TIME // (size[0] * size[1])))


def target_logits(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """[B] logit of each image's target."""
    logits: Tensor = module(images)
    return logits.gather(1, targets[:, None])[:, 0]


def input_gradients(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Derivative of each image's target logit by its pixels, [B, C, H, W]."""
    gradients = []
    for here in chunks(len(images), (images.shape[-2], images.shape[-1])):
        with torch.enable_grad():
            points = images[here].detach().clone().requires_grad_()
            score = target_logits(module, points, targets[here]).sum()
            gradients.append(torch.autograd.grad(score, points)[0])
    return torch.cat(gradients) if gradients else images.clone()


def averaged_gradients(
    module: nn.Module, points: Callable[[int], Tensor], targets: Tensor, weights: Tensor, *, size: tuple[int, int]
) -> Tensor:
    """Weighted sum of the gradients at several points around or on the way to each image.

    Args:
        module: the classifier's.
        points: index of an image -> [n, C, H, W].
        targets: [B].
        weights: [n], one per point.
        size: (H, W), for the size of a chunk.

    Returns:
        [B, C, H, W].
    """
    n = len(weights)
    together = max(1, rows_at_a_time(size) // n)
    averages = []
    for start in range(0, len(targets), together):
        here = range(start, min(start + together, len(targets)))
        stacked = torch.cat([points(index) for index in here])
        gradients = input_gradients(module, stacked, targets[here.start : here.stop].repeat_interleave(n))
        averages.append(torch.einsum("n,mnchw->mchw", weights, gradients.view(len(here), n, *gradients.shape[1:])))
    return torch.cat(averages)
