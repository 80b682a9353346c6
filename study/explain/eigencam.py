"""EigenCAM: what varies most over the film in the feature maps, whatever the class.

Reference: Muhammad and Yeasin, Eigen-CAM, IJCNN 2020, arXiv:2008.00299; sign by Chung and Ying, Seg-Eigen-CAM,
Applied Sciences 15(13):7562, 2025, doi:10.3390/app15137562, Eq. 13.
"""

import torch
from torch import Tensor

from study.explain.gradcam import layer_features
from study.explain.sharing import by_chunk
from study.records import Classifier

TIE = 1e-4
"""Values whose magnitudes differ by less than this share are equally large."""


@by_chunk
def eigencam(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = None) -> Tensor:
    """Projection of the feature maps on their first principal direction.

    Each place's K activations, less their mean over places, times the first right singular vector of all places
    [h * w, K] (as in pytorch-grad-cam; the paper does not centre). A singular vector has no sign, and that of
    pytorch-grad-cam is chance. Here the value of largest magnitude is positive; of several equally large ones
    (to 0.01 %), the first in reading order.

    Args:
        classifier: CNN or vision transformer.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index; the map does not depend on it.
        layer: as of `gradcam`.

    Returns:
        [B, h, w] signed; all zero where the feature maps are constant. Not determined where the two
        largest singular values are equal.

    Raises:
        UnsupportedError: no such layer, or one whose output is not a feature map.
    """
    activations = layer_features(classifier, images, targets, layer).activations
    places = activations.flatten(2).transpose(1, 2).double()
    maps = principal(places - places.mean(dim=1, keepdim=True))
    return signed(maps).view(len(maps), *activations.shape[2:]).to(activations.dtype)


def principal(centred: Tensor) -> Tensor:
    """First left singular vector times its singular value, [B, N, K] float64 -> [B, N], of either sign.

    From the eigenvectors of the smaller of the two Gram matrices: float64 leaves enough digits, and places or
    channels are few, where the other ones may be thousands.
    """
    more_places = centred.shape[1] > centred.shape[2]
    gram = centred.mT @ centred if more_places else centred @ centred.mT
    values, vectors = torch.linalg.eigh(gram)
    first: Tensor = vectors[:, :, -1:]
    along = centred @ first if more_places else first * values[:, None, -1:].clamp(min=0).sqrt()
    return along[:, :, 0]


def signed(maps: Tensor) -> Tensor:
    """The maps [B, N] or their negatives: the first of the largest magnitudes becomes positive."""
    sizes = maps.abs()
    largest = sizes >= (1 - TIE) * sizes.amax(dim=1, keepdim=True)
    first = largest.int().argmax(dim=1, keepdim=True)
    return torch.where(maps.gather(1, first) < 0, -maps, maps)
