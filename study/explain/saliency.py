"""Gradients by the pixels: saliency, and the same times the film.

References: Simonyan et al., Deep Inside Convolutional Networks, 2013, arXiv:1312.6034, section 3;
input times gradient: Shrikumar et al., Not Just a Black Box, 2016, arXiv:1605.01713, section 3.2.
"""

from torch import Tensor, nn

from study.explain.gradients import input_gradients
from study.explain.sharing import asked_once, by_chunk
from study.records import Classifier


@by_chunk
def saliency(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Absolute value of the gradient, channels summed: how much the grey of a pixel matters.

    Channels are summed before the absolute value is taken, because a grey film repeated in three channels is one
    input, whose gradient is that sum. (captum gives one absolute value per channel; Simonyan et al., who explain
    coloured images, their maximum.)

    Args:
        classifier: any.
        images: [B, C, H, W] normalised.
        targets: [B] class index; the gradient is that of its logit.

    Returns:
        [B, H, W], non-negative; all zero where the class does not depend on the film.
    """
    return pixel_gradients(classifier.module, images, targets).sum(dim=1).abs()


@by_chunk
def input_x_gradient(classifier: Classifier, images: Tensor, targets: Tensor) -> Tensor:
    """Sum over channels of x * dY/dx, arguments as above.

    It depends on how films are normalised: zero wherever a pixel has the mean grey, whatever the gradient.

    Returns:
        [B, H, W] signed, in units of the logit.
    """
    return input_times_gradient(classifier.module, images, targets).sum(dim=1)


def input_times_gradient(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """Film times gradient, x * dY/dx, before channels are summed, [B, C, H, W]."""
    return images * pixel_gradients(module, images, targets)


@asked_once
def pixel_gradients(module: nn.Module, images: Tensor, targets: Tensor) -> Tensor:
    """dY/dx of each image's target logit, signed, [B, C, H, W]; worked out once for both methods."""
    return input_gradients(module, images, targets)
