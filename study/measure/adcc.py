"""Coherency, complexity, and ADCC, their harmonic mean with the average drop.

Reference: Poppi et al., Revisiting the Evaluation of Class Activation Mapping, CVPR Workshops 2021,
arXiv:2104.10252, Eq. 3 to 6. Here all three terms speak of the same class, the target.
"""

import torch
from torch import Tensor

from study.measure.confidence import average_drop
from study.measure.masked import masked_of
from study.measure.scale import constant, scaled
from study.records import ExplainedBatch


def coherency(batch: ExplainedBatch) -> Tensor:
    """How alike the map and the map of image * map are: (1 + Pearson correlation) / 2.

    Args:
        batch: reads `attributions`, and `masked` or what computes it.

    Returns:
        [B] float64 in [0, 1]; NaN where one of the two maps is constant or not finite.
    """
    return correlation(scaled(batch.attributions), masked_of(batch).attributions).add(1) / 2


def complexity(batch: ExplainedBatch) -> Tensor:
    """Mean of the scaled map: the share of the image it lets through.

    Args:
        batch: reads `attributions` [B, H, W], any scale.

    Returns:
        [B] float64 in [0, 1], 0 for a map that is flat or nowhere positive; NaN where it is not finite.
    """
    return scaled(batch.attributions).double().mean(dim=(1, 2))


def adcc(batch: ExplainedBatch) -> Tensor:
    """3 / (1 / coherency + 1 / (1 - complexity) + 1 / (1 - average drop)).

    Args:
        batch: reads `attributions`, and `masked` or what computes it.

    Returns:
        [B] float64 in [0, 1], 0 where one term is 0; NaN where one is undefined.
    """
    return harmonic_mean(coherency(batch), 1 - complexity(batch), 1 - average_drop(batch))


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation of maps [B, H, W] -> [B] float64 in [-1, 1]; NaN where one is constant."""
    a, b = (maps.double().flatten(1) for maps in (first, second))
    a, b = (values - values.mean(dim=1, keepdim=True) for values in (a, b))
    r: Tensor = (a * b).sum(dim=1) / (a.square().sum(dim=1) * b.square().sum(dim=1)).sqrt()
    # The mean of equal values is not always equal to them: a constant map is asked for, not inferred.
    return r.clamp(-1, 1).masked_fill(constant(first) | constant(second), float("nan"))


def harmonic_mean(*terms: Tensor) -> Tensor:
    """Harmonic mean of non-negative terms; its limit 0 where one of them is 0."""
    reciprocals = torch.stack([1 / term for term in terms])
    mean: Tensor = 1 / reciprocals.mean(dim=0)
    return mean
