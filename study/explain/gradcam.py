"""Class activation maps: feature maps weighted by how much the class depends on them.

All rules share one question to the model, a layer's activations A and the gradients G of the target's logit by them
(`features`). Maps are given signed; the ReLU that ends each definition is left to `to_input_size`.

References: Grad-CAM, Selvaraju et al., ICCV 2017, arXiv:1610.02391, Eq. 1 and 2; XGrad-CAM, Fu et al., BMVC 2020,
arXiv:2008.02312, Eq. 8; LayerCAM, Jiang et al., IEEE TIP 2021, doi:10.1109/TIP.2021.3089943, Eq. 5 and 6;
HiResCAM, Draelos and Carin, 2020, arXiv:2011.08891.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from study.errors import UnsupportedError
from study.explain.gradients import target_logits
from study.explain.layers import feature_map, layer_name
from study.explain.sharing import asked_once, by_chunk
from study.records import Classifier

XGRADCAM_EPSILON = 1e-7
"""Keeps a channel that is zero everywhere from dividing by zero (the value of pytorch-grad-cam)."""


class Features(NamedTuple):
    """A layer's feature maps and the gradient of the target's logit by them, both [B, K, h, w]."""

    activations: Tensor
    gradients: Tensor


@by_chunk
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
    found = layer_features(classifier, images, targets, layer)
    return weighted(found.gradients.mean(dim=(2, 3)), found.activations)


@by_chunk
def xgradcam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over k of sum_ij(G_kij * A_kij) / (sum_ij A_kij + 1e-7) * A_k; arguments as of `gradcam`.

    Where activations are signed (transformers), their sum may be close to zero and one channel outweigh all others.

    Returns:
        [B, h, w] signed; channels that are zero everywhere give nothing.
    """
    activations, gradients = layer_features(classifier, images, targets, layer)
    share = (gradients * activations).sum(dim=(2, 3)) / (activations.sum(dim=(2, 3)) + XGRADCAM_EPSILON)
    return weighted(share, activations)


@by_chunk
def layercam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over k of max(G_k, 0) * A_k, place by place; arguments as of `gradcam`.

    Returns:
        [B, h, w], non-negative where activations are.
    """
    activations, gradients = layer_features(classifier, images, targets, layer)
    return (gradients.clamp(min=0) * activations).sum(dim=1)


@by_chunk
def hirescam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over k of G_k * A_k, place by place; arguments as of `gradcam`.

    Returns:
        [B, h, w] signed; its sum is the first-order effect of taking the layer away.
    """
    activations, gradients = layer_features(classifier, images, targets, layer)
    return (gradients * activations).sum(dim=1)


def weighted(weights: Tensor, activations: Tensor) -> Tensor:
    """Sum of the channels [B, K, h, w], each times its weight [B, K]: [B, h, w]."""
    return (weights[:, :, None, None] * activations).sum(dim=1)


def layer_features(classifier: Classifier, images: Tensor, targets: Tensor, layer: int | str | None) -> Features:
    """Feature maps and gradients of a layer that is given by depth or name; see `features`."""
    return features(classifier.module, layer_name(classifier, layer), images, targets)


@asked_once
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
    size = (images.shape[-2], images.shape[-1])
    return Features(*(feature_map(module, tensor, size) for tensor in both))
