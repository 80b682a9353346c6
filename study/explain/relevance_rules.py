"""Rules by which relevance goes from the output of an operation to its inputs, as backward passes of autograd.

    convolution, linear  z+: R_i = x_i sum_j w+_ij R_j / sum_i x_i w+_ij for x >= 0; where signs mix, x+ w+ + x- w-
                         stands for x w+ above and below. Biases receive nothing.
    the first of them    z^B: its inputs are pixels between the darkest l and the brightest h of their image, and
                         x w - l w+ - h w- stands for x w+, as (x - l) w+ + (x - h) w-, where nothing cancels.
    batch norm           passes on. A convolution right before it is read with the sign of gamma in its weights,
                         as if both were merged (the size of gamma cancels). Where anything lies between them,
                         as in DenseNet, there is nothing to merge with and a negative gamma goes unnoticed.
    ReLU                 passes on.
    max pooling          the winner takes all.
    average pooling      in proportion to |x|, which is x behind a ReLU. DenseNet pools signed maps, whose sum may
                         cancel: in proportion to x it would blow relevance up.
    sum of two branches  in proportion to their values. A negative branch gets relevance of opposite sign.
    concatenation, views each its own part.

Every rule keeps the sum of relevance, but what has nothing to be proportional to is lost: a neuron that no input
speaks for (it lives by its bias), an image that is constant.

References: Bach et al., LRP, 2015, doi:10.1371/journal.pone.0130140; Montavon et al., Deep Taylor decomposition, 2017,
arXiv:1512.02479 (z+, z^B); Lee et al., Relevance-CAM, CVPR 2021 (residual networks), whose code gives biases nothing
either, but ignores the sign of gamma.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

Map = Callable[[Tensor], Tensor]
Part = tuple[Tensor, Map]

NOTHING = 1e-30
"""Contributions that sum to less than this leave nothing to be proportional to."""

RESHAPING = frozenset(
    (
        *("View", "UnsafeView", "ReshapeAlias", "Alias", "Clone", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T"),
        *("Expand", "Select", "Slice", "Split", "SplitWithSizes", "Unbind"),
    )
)
"""Operations that only move values: their gradient is their relevance, too."""


def operation(node: Any) -> str:
    """Name of what made a tensor, from its `grad_fn`: `Silu` of `SiluBackward0`; empty for None."""
    return re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2]) if node is not None else ""


class ZPlus(Function):
    """A linear layer: z+, or z^B where its inputs are pixels.

    `sign` of the node: [outputs] -1 or 1 by which the weights are multiplied, set by a batch norm behind it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, layer: Callable[..., Tensor]) -> Tensor:
        """What the layer gives, bias included."""
        ctx.save_for_backward(x, weight)
        ctx.layer, ctx.pixels, ctx.sign = layer, _are_pixels(x), None
        return layer(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """Relevance of the inputs; None for what is no activation."""
        x, weight = ctx.saved_tensors
        if ctx.sign is not None:
            weight = weight * ctx.sign.view(-1, *[1] * (weight.ndim - 1))
        positive = partial(ctx.layer, weight=weight.clamp(min=0), bias=None)
        negative = partial(ctx.layer, weight=weight.clamp(max=0), bias=None)
        if ctx.pixels:
            low, high = (bound(x, dim=tuple(range(1, x.ndim)), keepdim=True) for bound in (torch.amin, torch.amax))
            parts = [(x - low, positive), (x - high, negative)]
        else:
            parts = [(x.clamp(min=0), positive)]
            if (x < 0).any():  # never behind a ReLU, and half of the work
                parts.append((x.clamp(max=0), negative))
        return torch.stack(_in_proportion(relevance[0], parts)).sum(dim=0), None, None, None


class PassOn(Function):
    """Element by element, the relevance of the output is that of the input."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Map) -> Tensor:
        """What the function gives, which may work in place."""
        y = function(x)
        if y is x:
            ctx.mark_dirty(x)
        return y

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """Relevance of the inputs; None for what is no activation."""
        return relevance[0], None


class Average(Function):
    """Means of some elements: to each in proportion to its size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Map) -> Tensor:
        """What the function gives."""
        ctx.save_for_backward(x)
        ctx.function = function
        return function(x)

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """Relevance of the inputs; None for what is no activation."""
        (x,) = ctx.saved_tensors
        return _in_proportion(relevance[0], [(x.abs(), ctx.function)])[0], None


class Sum(Function):
    """Two branches of one shape: to each in proportion to its value."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """The sum, in the place of `a` if the function works in place."""
        ctx.save_for_backward(a.clone(), b)
        y = function(a, b)
        if y is a:
            ctx.mark_dirty(a)
        return y

    @staticmethod
    def backward(ctx: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        """Relevance of the inputs; None for what is no activation."""
        a, b = ctx.saved_tensors
        return *_in_proportion(relevance[0], [(a, torch.clone), (b, torch.clone)]), None


def _in_proportion(relevance: Tensor, parts: Sequence[Part]) -> list[Tensor]:
    """What the values v of each part (v, f) receive: v * f^T(R / sum of all f(v))."""
    with torch.enable_grad():
        values = [value.detach().requires_grad_() for value, _ in parts]
        total = sum(contribution(value) for value, (_, contribution) in zip(values, parts, strict=True))
    assert isinstance(total, Tensor)
    share = torch.where(total.abs() > NOTHING, relevance / total, 0.0)
    gradients = torch.autograd.grad(total, values, share)
    return [value.detach() * gradient for value, gradient in zip(values, gradients, strict=True)]


def _are_pixels(x: Tensor) -> bool:
    """Whether nothing but views lies between x and the tensor that the network was given."""
    node: Any = x.grad_fn
    while operation(node) in RESHAPING:
        node = node.next_functions[0][0]
    return operation(node) in ("", "AccumulateGrad")
