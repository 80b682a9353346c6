"""Grad-CAM: feature maps weighted by how much the class depends on them.

Reference: Selvaraju et al., Grad-CAM, ICCV 2017, arXiv:1610.02391, Eq. 1 and 2 (without the ReLU).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain.gradients import chunks, target_logits
from study.explain.layers import layer_name, token_grid
from study.records import Classifier


class Features(NamedTuple):
    """A layer's feature maps and the gradient of the target's logit by them, both [B, K, h, w]."""

    activations: Tensor
    gradients: Tensor


def gradcam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over channels k of mean_ij(dY / dA_kij) * A_k.

    Args:
        classifier: CNN or vision transformer; `layer` needs timm's names, or a module's name.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index; Y is its logit.
        layer: None for the deepest feature map (of a transformer: the input of the last
            attention, patch tokens only), an integer for the depth from 1, or a module's name.

    Returns:
        [B, h, w] signed; all zero where the class does not depend on the layer.

    Raises:
        UnsupportedError: no such layer, or one whose output is not a feature map.
    """
    name = layer_name(classifier, layer)
    size = (images.shape[-2], images.shape[-1])
    maps = []
    for here in chunks(len(images), size):
        found = features(classifier.module, name, images[here], targets[here])
        weights = found.gradients.mean(dim=(2, 3), keepdim=True)
        maps.append((weights * found.activations).sum(dim=1))
    return torch.cat(maps)


def features(module: nn.Module, name: str, images: Tensor, targets: Tensor) -> Features:
    """Feature maps of the module `name` and their gradients.

    The module's output is cut out of the graph and handed on as a copy. So nothing before it is
    differentiated, and a ReLU that works in place behind it cannot overwrite what is recorded.
    """
    recorded: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        recorded.append(output.detach().clone().requires_grad_())
        return recorded[-1].clone()

    hook = module.get_submodule(name).register_forward_hook(cut)
    try:
        with torch.enable_grad():
            score = target_logits(module, images, targets).sum()
    finally:
        hook.remove()
    if not recorded:
        raise UnsupportedError(f"module '{name}' takes no part in the network's forward pass")
    activations = recorded[-1]
    gradients = torch.autograd.grad(score, activations, materialize_grads=True)[0]
    both = torch.stack((activations.detach(), gradients))
    return Features(*(_as_maps(module, tensor, images) for tensor in both))


def _as_maps(module: nn.Module, output: Tensor, images: Tensor) -> Tensor:
    if output.ndim == 4:
        return output
    if output.ndim == 3:
        return token_grid(module, output, (images.shape[-2], images.shape[-1]))
    raise UnsupportedError(
        f"this layer's output has {output.ndim} axes; a feature map [B, K, h, w] or tokens are needed"
    )
