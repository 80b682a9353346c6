"""What a removed pixel is replaced by."""

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from study.errors import UnsupportedError
from study.registry import unknown

KERNEL_SIZE = 11
KERNEL_SIGMA = 5.0

ROAD = "road"
"""No blank image: what is removed is imputed from what is left (`study.measure.imputation`)."""

BASELINES = ("zero", "mean", "blur", ROAD)


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
        return _blurred(_blurred(images, dim=2), dim=3)
    if baseline == ROAD:
        raise UnsupportedError("baseline 'road' imputes what is removed and has no blank image; use zero, mean or blur")
    raise UnsupportedError(unknown("baseline", baseline, BASELINES))


def blur_kernel() -> Tensor:
    """[11, 11] float64, sums to 1: the outer product of `_line` with itself."""
    return torch.outer(_line(), _line())


def _line() -> Tensor:
    """[11] float64, sums to 1: a filtered unit impulse, reflected at the kernel's own border as in RISE."""
    impulse = torch.zeros(KERNEL_SIZE, dtype=torch.float64)
    impulse[KERNEL_SIZE // 2] = 1.0
    return torch.from_numpy(gaussian_filter1d(impulse.numpy(), KERNEL_SIGMA))


def _blurred(images: Tensor, *, dim: int) -> Tensor:
    """Filtered along one axis; sums of shifted images, as a convolution would need ten times the memory."""
    size, reach = images.shape[dim], KERNEL_SIZE // 2
    result = torch.zeros_like(images)
    for shift, weight in enumerate(_line().tolist(), start=-reach):
        length = size - abs(shift)
        if length > 0:
            source = images.narrow(dim, max(shift, 0), length)
            result.narrow(dim, max(-shift, 0), length).add_(source, alpha=weight)
    return result
