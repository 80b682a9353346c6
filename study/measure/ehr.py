"""Effective heat ratio (EHR): how much of the strongest heat lies in the boxes, over all thresholds.

Reference: Zhang et al., Fine-Grained Neural Network Explanation by Identifying Input Features with
Predictive Information, NeurIPS 2021, arXiv:2110.01471; thresholds as in its published program.
"""

import numpy as np
import torch
from torch import Tensor

from study.measure.regions import inside
from study.measure.scale import scaled
from study.records import ExplainedBatch

BASE_THRESHOLD = 0.1
QUANTILES = 11


def ehr(batch: ExplainedBatch) -> Tensor:
    """Area under heat inside the boxes per pixel above threshold, over the quantiles of the heat.

    Not free of the map's shape: even a box around everything scores the mean heat above the
    thresholds, not 1. `ehr_count` scores 1 there.

    Args:
        batch: reads `attributions` [B, H, W] (scaled to [0, 1] first) and `boxes`.

    Returns:
        [B] float64 in [0, 1]; NaN where the image has no box with a pixel in it, or the map is flat,
        nowhere positive or not finite.
    """
    return _scored(batch, count=False)


def ehr_count(batch: ExplainedBatch) -> Tensor:
    """Share of the pixels above threshold that lie inside the boxes, over the quantiles of the heat; as `ehr`."""
    return _scored(batch, count=True)


def effective_heat_ratio(heat: Tensor, region: Tensor, *, base_threshold: float, count: bool) -> Tensor:
    """EHR of maps as they are.

    With v the values of at least `base_threshold`: t_q = min(quantile(v, q), 0.99 max), A_q = pixels of at least
    t_q, r_q = heat (or number) of A_q in the region / number of A_q, and EHR the trapezoid of r_q over
    q = 0, 0.1, ..., 1.

    Args:
        heat: [B, H, W], expected in [0, 1].
        region: [B, H, W] bool.
        base_threshold: b; heat below it counts nowhere.
        count: count pixels inside instead of adding their heat.

    Returns:
        [B] float64; NaN where nothing reaches `base_threshold`.
    """
    # NumPy's 0.30000000000000004, not torch's 0.3: where a quantile falls on a pixel, the last bit of its
    # place decides whether that pixel is above, and the published numbers were made with these.
    quantiles = torch.from_numpy(np.linspace(0, 1, QUANTILES)).to(heat.device)
    areas = [
        torch.trapezoid(_ratios(values, marked, base_threshold, quantiles, count), quantiles)
        for values, marked in zip(heat.double().flatten(1), region.flatten(1), strict=True)
    ]
    return torch.stack(areas) if areas else heat.new_zeros(0, dtype=torch.float64)


def _scored(batch: ExplainedBatch, *, count: bool) -> Tensor:
    region = inside(batch)
    scores = effective_heat_ratio(scaled(batch.attributions), region, base_threshold=BASE_THRESHOLD, count=count)
    return scores.masked_fill(~region.flatten(1).any(dim=1), float("nan"))


def _ratios(values: Tensor, marked: Tensor, base_threshold: float, quantiles: Tensor, count: bool) -> Tensor:
    """r_q of one image, [Q]; NaN without effective heat."""
    effective = values[values >= base_threshold]
    if not len(effective):
        return values.new_full((len(quantiles),), float("nan"))
    thresholds = _quantiles(effective, quantiles).clamp(max=0.99 * effective.max().item())
    above = values >= thresholds[:, None]  # [Q, P]
    above &= values >= base_threshold
    weight = marked.double() if count else marked * values
    return (above * weight).sum(dim=1) / above.sum(dim=1)


def _quantiles(values: Tensor, quantiles: Tensor) -> Tensor:
    """Linear quantiles of `values` [V], which may be more than torch.quantile takes."""
    ordered = values.sort().values
    place = quantiles * (len(values) - 1)
    below = place.floor().long()
    above = (below + 1).clamp(max=len(values) - 1)
    return torch.lerp(ordered[below], ordered[above], place - below)
