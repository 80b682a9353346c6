"""How concentrated a map is: the Gini index and the entropy of its absolute values.

Neither knows whether the map is right: a single wrong pixel is perfectly sparse.

References: Chalasani et al., Concise Explanations, ICML 2020, arXiv:1810.06583 (Gini index);
Bhatt et al., Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020, arXiv:2005.00631 (entropy).
"""

import torch
from torch import Tensor

from study.records import ExplainedBatch


def sparseness(batch: ExplainedBatch) -> Tensor:
    """Gini index of the absolute map: sum_i (2i - P - 1) |M|_(i) / (P sum |M|), values in ascending order.

    Args:
        batch: reads `attributions` [B, H, W], signed, any scale.

    Returns:
        [B] float64 in [0, 1): 0 for a constant map, 1 - 1/P for a single pixel; NaN where the map is zero
        everywhere or not finite.
    """
    ascending = batch.attributions.double().abs().flatten(1).sort(dim=1).values
    pixels = ascending.shape[1]
    weights = 2 * torch.arange(1, pixels + 1, dtype=torch.float64, device=ascending.device) - pixels - 1
    gini: Tensor = (ascending * weights).sum(dim=1) / (pixels * ascending.sum(dim=1))  # 0 / 0 is NaN
    return gini.clamp(0, 1)


def entropy(batch: ExplainedBatch) -> Tensor:
    """Shannon entropy of |M| / sum |M| in nats.

    Args:
        batch: reads `attributions` [B, H, W], signed, any scale.

    Returns:
        [B] float64 from 0 (a single pixel) to ln P (a constant map); NaN where the map is zero everywhere
        or not finite. Comparable between maps of the same number of pixels only.
    """
    mass = batch.attributions.double().abs().flatten(1)
    nats: Tensor = torch.special.entr(mass / mass.sum(dim=1, keepdim=True)).sum(dim=1)  # 0 / 0 is NaN
    return nats
