"""Grad-CAM++: gradients weighted by place, so that several findings of a class all count; and its smoothed form.

References: Chattopadhay et al., Grad-CAM++, WACV 2018, arXiv:1710.11063, Eq. 7 and 19; Omeiza et al., Smooth
Grad-CAM++, 2019, arXiv:1908.01224, Eq. 9 and 10.

Other programs define other maps under these names. torchcam 0.5 multiplies the cube of the gradient by the
activation before it sums, which is not the published formula; its smoothed form takes gradient and activations
from the last noisy copy alone, so that one draw of noise decides. Here the formula is the published one, the
gradients are means over all copies, and the activations are those of the film as it is.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from study.explain.gradcam import features, layer_features, weighted
from study.explain.gradients import chunks, rows_at_a_time
from study.explain.layers import layer_name
from study.explain.sharing import by_chunk
from study.records import Classifier
from study.rng import torch_generator

EPSILON = 1e-6
"""Keeps a channel without gradient from dividing by zero (the value of pytorch-grad-cam)."""


class Moments(NamedTuple):
    """Means of the gradient's first, second and third power over noisy copies of each film, [B, K, h, w]."""

    first: Tensor
    second: Tensor
    third: Tensor


@by_chunk
def gradcampp(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Sum over channels k of w_k * A_k, with w_k = sum_ij(alpha_kij * max(G_kij, 0)).

    alpha = G^2 / (2 G^2 + S_k G^3 + 1e-6) with S_k = sum_ij A_kij, and G = dY / dA of the logit Y: the paper explains
    exp(Y), whose factors cancel in alpha and scale the whole map. The denominator may be negative.

    Args:
        classifier: CNN or vision transformer.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index.
        layer: as of `gradcam`.

    Returns:
        [B, h, w] signed; all zero where no gradient is positive.

    Raises:
        UnsupportedError: no such layer, or one whose output is not a feature map.
    """
    activations, gradients = layer_features(classifier, images, targets, layer)
    return from_moments(Moments(gradients, gradients**2, gradients**3), activations)


@by_chunk
def smooth_gradcampp(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    seeds: Sequence[int],
    layer: int | str | None = None,
    samples: int = 25,
    noise: float = 0.15,
) -> Tensor:
    """Grad-CAM++ whose G, G^2 and G^3 are means over noisy copies of the film; A is of the film itself.

    Where nothing but a mean and a linear layer follow (the deepest layer of a ResNet or DenseNet), the gradient is
    the same for every film, so that noise changes nothing: the map is that of Grad-CAM++.

    Args:
        classifier: CNN or vision transformer.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index.
        seeds: one per image.
        layer: as of `gradcam`.
        samples: noisy copies per image.
        noise: standard deviation of the noise as a share of the image's range (max - min).

    Returns:
        [B, h, w] signed.

    Raises:
        UnsupportedError: no such layer, or one whose output is not a feature map.
    """

    def draw(index: int) -> Tensor:
        generator = torch_generator("smooth_gradcampp", seeds[index])
        return torch.randn((samples, *images.shape[1:]), generator=generator)

    activations = layer_features(classifier, images, targets, layer).activations
    name = layer_name(classifier, layer)
    return from_moments(noisy_moments(classifier.module, name, images, targets, draw=draw, noise=noise), activations)


def from_moments(gradients: Moments, activations: Tensor) -> Tensor:
    """Maps [B, h, w] of Grad-CAM++ from powers of the gradients and from the activations [B, K, h, w]."""
    total = activations.sum(dim=(2, 3), keepdim=True)
    alpha = gradients.second / (2 * gradients.second + total * gradients.third + EPSILON)
    return weighted((alpha * gradients.first.clamp(min=0)).sum(dim=(2, 3)), activations)


def noisy_moments(
    module: nn.Module,
    name: str,
    images: Tensor,
    targets: Tensor,
    *,
    draw: Callable[[int], Tensor],
    noise: float,
) -> Moments:
    """Moments of the gradients at x + noise * (max(x) - min(x)) * draw(index).

    Args:
        module: the classifier's.
        name: of the layer's module.
        images: [B, C, H, W] normalised, at least one.
        targets: [B] class index.
        draw: index of an image -> [samples, C, H, W] standard normal, as many for every image.
        noise: as of `smooth_gradcampp`.
    """
    deviations = noise * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    size = (images.shape[-2], images.shape[-1])
    samples = len(draw(0))
    together = max(1, rows_at_a_time(size) // samples)
    parts = []
    for start in range(0, len(images), together):
        here = range(start, min(start + together, len(images)))
        copies = torch.cat([images[index] + deviations[index] * draw(index).to(images) for index in here])
        classes = targets[here.start : here.stop].repeat_interleave(samples)
        gradients = torch.cat(
            [features(module, name, copies[c], classes[c]).gradients for c in chunks(len(copies), size)]
        )
        gradients = gradients.view(len(here), samples, *gradients.shape[1:])
        parts.append([(gradients**power).mean(dim=1) for power in (1, 2, 3)])
    return Moments(*(torch.cat(moment) for moment in zip(*parts, strict=True)))
