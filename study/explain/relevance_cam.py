"""Relevance-CAM: feature maps weighted by their contrastive relevance.

Reference: Lee et al., Relevance-CAM: Your Model Already Knows Where to Look, CVPR 2021.
"""

from torch import Tensor

from study.explain.layers import layer_name
from study.explain.lrp import contrast
from study.explain.relevance import Relevance, propagate
from study.explain.sharing import by_chunk
from study.records import Classifier


@by_chunk
def relevance_cam(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    layer: int | str | None = None,
    balanced: bool = False,
) -> Tensor:
    """Sum over channels k of mean_ij(R_kij) * A_k, with the relevance R of CLRP.

    There is no ReLU: negative values speak for the other classes, and where all weights are negative, a map cut
    at zero would be empty.

    Args:
        classifier: CNN of convolutions, batch norm, ReLU, pooling, sums and concatenations.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index.
        layer: None for the deepest feature map, an integer for the depth from 1, or a module's name.
        balanced: how the other classes start; see `study.explain.lrp.clrp`. False as in the authors' code.

    Returns:
        [B, h, w] signed; all zero where no class depends on the layer.

    Raises:
        UnsupportedError: no such layer, one that is no feature map, or an operation that has no rule.
    """
    name = layer_name(classifier, layer)
    return weighted(propagate(classifier.module, name, images, targets, others=contrast(balanced)))


def weighted(found: Relevance) -> Tensor:
    """[B, h, w] activations summed over channels, weighted by the mean of their relevance over space."""
    weights = found.relevance.mean(dim=(2, 3), keepdim=True)
    return (weights * found.activations).sum(dim=1)
