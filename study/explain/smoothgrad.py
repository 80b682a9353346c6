"""SmoothGrad: the gradient, averaged over noisy copies of the film.

Reference: Smilkov et al., SmoothGrad, 2017, arXiv:1706.03825, Eq. 1.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from study.explain.gradients import averaged_gradients
from study.records import Classifier
from study.rng import torch_generator


def smoothgrad(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    seeds: Sequence[int],
    samples: int = 25,
    noise: float = 0.15,
) -> Tensor:
    """Absolute value of the mean gradient, channels summed: how much the grey of a pixel matters.

    Gradients are averaged with their signs, so that noise cancels. Channels are summed because a
    grey film repeated in three channels is one input. The absolute value comes last, because a
    pixel whose darkening speaks for the class is as relevant as one whose brightening does.

    Args:
        classifier: any.
        images: [B, C, H, W] normalised.
        targets: [B] class index; the gradient is that of its logit.
        seeds: one per image.
        samples: noisy copies per image.
        noise: standard deviation of the noise as a share of the image's range (max - min).

    Returns:
        [B, H, W], non-negative.
    """

    def draw(index: int) -> Tensor:
        generator = torch_generator("smoothgrad", seeds[index])
        return torch.randn((samples, *images.shape[1:]), generator=generator)

    return mean_gradients(classifier, images, targets, draw=draw, noise=noise).sum(dim=1).abs()


def mean_gradients(
    classifier: Classifier, images: Tensor, targets: Tensor, *, draw: Callable[[int], Tensor], noise: float
) -> Tensor:
    """Signed mean gradient at x + noise * (max(x) - min(x)) * draw(index), [B, C, H, W].

    Args:
        classifier: any.
        images: [B, C, H, W] normalised.
        targets: [B] class index.
        draw: index of an image -> [samples, C, H, W] standard normal.
        noise: as above.
    """
    deviations = noise * (images.amax(dim=(1, 2, 3)) - images.amin(dim=(1, 2, 3)))
    samples = len(draw(0)) if len(images) else 1
    return averaged_gradients(
        classifier.module,
        lambda index: images[index] + deviations[index] * draw(index).to(images),
        targets,
        torch.full((samples,), 1 / samples).to(images),
        size=(images.shape[-2], images.shape[-1]),
    )
