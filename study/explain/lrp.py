"""Layer-wise relevance propagation with the z+ rule, and its contrastive form.

References: Bach et al., 2015, doi:10.1371/journal.pone.0130140; Montavon et al., 2017, arXiv:1512.02479 (z+); Gu et al.,
Contrastive LRP, ACCV 2018, arXiv:1812.02100; Lee et al., Relevance-CAM, CVPR 2021 (the start of CLRP).
"""

from torch import Tensor

from study.explain.layers import layer_name
from study.explain.relevance import Others, propagate
from study.explain.sharing import by_chunk
from study.records import Classifier

INPUT = "input"


@by_chunk
def lrp_zplus(classifier: Classifier, images: Tensor, targets: Tensor, *, layer: int | str | None = INPUT) -> Tensor:
    """Share of each pixel, or of each place of a layer, in the target's logit.

    The target starts with relevance 1, every other class with 0. Rules: `study.explain.relevance_rules`.

    Args:
        classifier: CNN of convolutions, batch norm, ReLU, pooling, sums and concatenations.
        images: [B, C, H, W] normalised; need not be square.
        targets: [B] class index.
        layer: "input" for pixels; None for the deepest feature map, an integer for the depth from 1, or a
            module's name.

    Returns:
        [B, h, w] relevance, channels summed. A map sums to 1, but for the relevance of neurons that no input
        speaks for; negative only in networks with residual sums. All zero for a constant image at its input.

    Raises:
        UnsupportedError: no such layer, one that is no feature map, or a network with an operation that has no
            rule (attention, LayerNorm, SiLU, GELU, gates).
    """
    return _map(classifier, images, targets, layer, others=lambda _: 0.0)


@by_chunk
def clrp(
    classifier: Classifier,
    images: Tensor,
    targets: Tensor,
    *,
    layer: int | str | None = INPUT,
    balanced: bool = False,
) -> Tensor:
    """Relevance for the target less that for the other classes.

    Args:
        classifier: as for `lrp_zplus`.
        images: [B, C, H, W] normalised.
        targets: [B] class index, which starts with relevance 1.
        layer: as for `lrp_zplus`.
        balanced: start every other of the N classes with -1 / (N - 1), so that maps sum to 0; otherwise with
            -1 / N as the code of Relevance-CAM does, so that they sum to 1 / N. With two classes this is the
            difference between -1 and -0.5.

    Returns:
        [B, h, w] signed, channels summed.

    Raises:
        UnsupportedError: as `lrp_zplus`.
    """
    return _map(classifier, images, targets, layer, others=contrast(balanced))


def contrast(balanced: bool) -> Others:
    """Relevance with which CLRP starts the classes that are not explained; see `clrp`."""
    return lambda classes: -1 / max(classes - balanced, 1)


def _map(classifier: Classifier, images: Tensor, targets: Tensor, layer: int | str | None, *, others: Others) -> Tensor:
    name = None if layer == INPUT else layer_name(classifier, layer)
    return propagate(classifier.module, name, images, targets, others=others).relevance.sum(dim=1)
