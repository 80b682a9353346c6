"""What a removed pixel is replaced by."""

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional as F

from study.errors import UnsupportedError
from study.registry import unknown

KERNEL_SIZE = 11
KERNEL_SIGMA = 5.0


def blank(images: Tensor, baseline: str) -> Tensor:
    """The fully perturbed images.

    `zero` is the mean grey of the training films (images are normalised), `mean` each image's own
    mean per channel, `blur` the 11 x 11 Gaussian of RISE with zeros beyond the border, so that
    edges darken. Blur leaves part of the evidence in the image; it is no absence.

    Args:
        images: [B, C, H, W].
        baseline: `zero`, `mean` or `blur`.

    Returns:
        [B, C, H, W], possibly an expanded view: read it, do not write to it.

    Raises:
        UnsupportedError: another baseline.
    """
    if baseline == "zero":
        return images.new_zeros(()).expand_as(images)
    if baseline == "mean":
        return images.mean(dim=(2, 3), keepdim=True).expand_as(images)
    if baseline == "blur":
        kernel = blur_kernel().to(images)
        return F.conv2d(
            images,
            kernel.expand(images.shape[1], 1, KERNEL_SIZE, KERNEL_SIZE),
            padding=KERNEL_SIZE // 2,
            groups=images.shape[1],
        )
    raise UnsupportedError(unknown("baseline", baseline, ("zero", "mean", "blur")))


def blur_kernel() -> Tensor:
    """[11, 11] float64, sums to 1: a filtered unit impulse, reflected at the kernel's own border as in RISE."""
    impulse = torch.zeros(KERNEL_SIZE, dtype=torch.float64)
    impulse[KERNEL_SIZE // 2] = 1.0
    line = torch.from_numpy(gaussian_filter1d(impulse.numpy(), KERNEL_SIGMA))
    return torch.outer(line, line)
