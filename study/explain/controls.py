"""Controls: maps that know nothing of the model, by which a metric can be judged.

A metric on which an explanation does not beat these does not measure explanations. Fake-CAM is
from Poppi et al., Revisiting the Evaluation of Class Activation Mapping, CVPR Workshops 2021, arXiv:2104.10252.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from study.records import Classifier
from study.rng import torch_generator


def random_map(classifier: Classifier, images: Tensor, targets: Tensor, *, seeds: Sequence[int]) -> Tensor:
    """Independent uniform values in [0, 1) for every pixel, [B, H, W]; `seeds`: one per image."""
    size = images.shape[-2:]
    maps = [torch.rand(size, generator=torch_generator("control_random", seed)) for seed in seeds]
    return torch.stack(maps).to(images.device)


def center_prior(classifier: Classifier, images: Tensor, targets: Tensor, *, sigma: float = 0.5) -> Tensor:
    """A Gaussian hill at the image's centre, [B, H, W] in (0, 1].

    Args:
        classifier: not read.
        images: [B, C, H, W], read for their size.
        targets: not read.
        sigma: standard deviation in half-widths (and half-heights) of the image.
    """
    height, width = images.shape[-2:]
    y, x = _centred(height), _centred(width)
    hill = torch.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * sigma**2))
    return hill.float().to(images.device).repeat(len(images), 1, 1)


def fake_cam(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Ones everywhere but a zero in the top-left pixel, [B, H, W]: it hides nothing and tells nothing."""
    maps = torch.ones(len(images), *images.shape[-2:], device=images.device)
    maps[:, 0, 0] = 0.0
    return maps


def edges(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Sobel gradient magnitude of the film, [B, H, W] non-negative: what an edge detector knows of it.

    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv:1810.03292, show that maps of some methods
    are little more than this. Kernels (1, 2, 1) x (-1, 0, 1) are not scaled; borders are mirrored at the outermost
    pixels, so that the border itself is no edge. All zero for a constant film.

    Args:
        classifier: not read.
        images: [B, C, H, W] of at least 2 x 2 pixels; the mean over channels is the film.
        targets: not read.
    """
    film = F.pad(images.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="reflect")[:, 0]
    # Differences come before sums: equal greys cancel exactly.
    right, down = film[:, :, 2:] - film[:, :, :-2], film[:, 2:] - film[:, :-2]
    across = right[:, :-2] + 2 * right[:, 1:-1] + right[:, 2:]
    along = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    return torch.hypot(across, along)


def _centred(count: int) -> Tensor:
    """Pixel centres along one axis, in half-lengths from the middle."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) * 2 / count - 1
