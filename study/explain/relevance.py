"""Relevance of the elements of a layer for the logits, by layer-wise relevance propagation.

The network is run as it is, under a context that replaces its operations, whoever calls them (modules,
functions, `+=`), by ones whose backward pass is a rule of `relevance_rules`. So residual sums and
concatenations need no names, and any network of these operations will do. The graph is then searched for
operations without a rule, because these would pass on a mere gradient and nobody would notice.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode, resolve_name

from study.errors import UnsupportedError
from study.explain.relevance_rules import RESHAPING, Average, PassOn, Sum, ZPlus, operation

Others = Callable[[int], float]


class Relevance(NamedTuple):
    """A layer's activations and their relevance, both [B, K, h, w]; of the input, [B, C, H, W]."""

    activations: Tensor
    relevance: Tensor


def propagate(module: nn.Module, name: str | None, images: Tensor, targets: Tensor, *, others: Others) -> Relevance:
    """Relevance of a layer for the logits, z+ with zero bias.

    Args:
        module: CNN in eval mode of operations that have a rule.
        name: of the module whose output is the layer; None for the input, with z^B at the first layer.
        images: [B, C, H, W] normalised.
        targets: [B] class index, which starts with relevance 1.
        others: number of classes -> relevance with which every other class starts.

    Returns:
        The layer's activations and relevance; relevance sums to that of the logits, but for what is lost
        (see `relevance_rules`). All zero where no logit depends on the layer.

    Raises:
        UnsupportedError: an operation without a rule anywhere in the network, even before the layer; a layer
            that takes no part or is no feature map.
    """
    pixels = images.detach().clone().requires_grad_()
    recorded = [pixels]

    def record(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        # The first copy is apart from other ways of what the module may have returned as it was, the second from
        # a ReLU in place behind it.
        recorded.append(output.clone())
        return recorded[-1].clone()

    hook = module.get_submodule(name).register_forward_hook(record) if name is not None else None
    try:
        with torch.enable_grad(), _Rules():
            logits = module(pixels)
    finally:
        if hook is not None:
            hook.remove()
    if hook is not None and len(recorded) == 1:
        raise UnsupportedError(f"module '{name}' takes no part in the network's forward pass")
    refuse_others(logits)
    if recorded[-1].ndim != 4:
        raise UnsupportedError(f"the output of module '{name}' is no feature map [B, K, h, w]")
    start = torch.full_like(logits, others(logits.shape[1])).scatter(1, targets[:, None], 1.0)
    relevance = torch.autograd.grad(logits, recorded[-1], start, materialize_grads=True)[0]
    return Relevance(recorded[-1].detach(), relevance)


def refuse_others(logits: Tensor) -> None:
    """Looks for operations without a rule between the input and the logits.

    Raises:
        UnsupportedError: naming them.
    """
    others = sorted({operation(node) for node in _nodes(logits)} - _WITH_RULE)
    if others:
        raise UnsupportedError(f"LRP has no rule for {', '.join(others)}; {_KNOWN}")


class _Rules(TorchFunctionMode):
    """Context in which operations on tensors that need gradients send relevance back instead."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = kwargs or {}
        if not any(isinstance(arg, Tensor) and arg.requires_grad for arg in (*args, *options.values())):
            return func(*args, **options)
        rule = _RULES.get(func)
        result = rule(func, *args, **options) if rule else func(*args, **options)
        if isinstance(result, Tensor) and result.is_floating_point() and not result.requires_grad:
            raise UnsupportedError(f"LRP has no rule for {resolve_name(func)}, where the graph ends; {_KNOWN}")
        return result


def _linear(func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **options: Any) -> Any:
    def layer(x: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        return func(x, weight, bias, *args, **options)

    _refuse_computed(weight, bias)
    return ZPlus.apply(input, weight, bias, layer)


def _batch_norm(
    func: Any,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    *args: Any,
    **options: Any,
) -> Any:
    def norm(x: Tensor) -> Any:
        return func(x, running_mean, running_var, weight, bias, training, *args, **options)

    _refuse_computed(weight, bias)
    if training:
        return norm(input)
    before: Any = input.grad_fn
    if operation(before) == Sum.__name__:
        raise UnsupportedError("LRP has no rule for batch norm of a sum (pre-activation ResNet), which may cancel")
    if weight is not None and operation(before) == ZPlus.__name__:
        before.sign = torch.where(weight < 0, -1.0, 1.0)
    return PassOn.apply(input, norm)


def _pass_on(func: Any, input: Tensor, *args: Any, **options: Any) -> Any:
    return PassOn.apply(input, lambda x: func(x, *args, **options))


def _average(func: Any, input: Tensor, *args: Any, **options: Any) -> Any:
    return Average.apply(input, lambda x: func(x, *args, **options))


def _add(func: Any, input: Any, other: Any, **options: Any) -> Any:
    branches = [term for term in (input, other) if isinstance(term, Tensor) and term.requires_grad]
    if len(branches) == 2 and input.shape == other.shape and not options:
        return Sum.apply(input, other, func)
    return func(input, other, **options)


def _refuse_computed(*weights: Tensor | None) -> None:
    if any(weight is not None and weight.grad_fn is not None for weight in weights):
        raise UnsupportedError("LRP has no rule for weights that a network computes as it goes")


def _nodes(tensor: Tensor) -> Iterator[Any]:
    waiting, seen = [tensor.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting.extend(before for before, _ in node.next_functions)
            yield node


_RULES: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys((F.conv1d, F.conv2d, F.conv3d, F.linear), _linear),
    **dict.fromkeys((F.batch_norm, torch.batch_norm), _batch_norm),
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), _pass_on),
    **dict.fromkeys((F.avg_pool2d, F.adaptive_avg_pool2d, torch.mean, Tensor.mean), _average),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.add_), _add),
}
"""Operations that are replaced."""

_WITH_RULE = frozenset(
    (
        *(rule.__name__ for rule in (ZPlus, PassOn, Average, Sum)),
        *("MaxPool2DWithIndices", "AdaptiveMaxPool2D", "Amax", "Cat", "ReflectionPad2D", "ConstantPadNd"),
        *("AccumulateGrad", *RESHAPING),
    )
)
"""Nodes of the graph whose backward pass is a rule: ours, and those of which the gradient is one."""

_KNOWN = (
    "it has rules for convolution and linear layers, ReLU, batch norm in eval mode, pooling, "
    "sums of two branches, concatenation and reshaping"
)
