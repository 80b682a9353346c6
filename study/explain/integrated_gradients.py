"""Integrated gradients: the logit's change from a blank film, shared out to the pixels.

Reference: Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017, arXiv:1703.01365, Eq. 1.
"""

from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from study.explain.gradients import averaged_gradients, target_logits
from study.records import Classifier

Rule = Literal["gausslegendre", "midpoint", "trapezoid", "right"]


class Nodes(NamedTuple):
    """Places in [0, 1] and their weights, which sum to 1; both [steps] float64."""

    places: Tensor
    weights: Tensor


def integrated_gradients(
    classifier: Classifier, images: Tensor, targets: Tensor, *, steps: int = 25, rule: Rule = "gausslegendre"
) -> Tensor:
    """Sum over channels of x * integral of dY(a x)/dx for a from 0 to 1.

    The baseline is zero after normalisation, a film of the mean grey. Channels are summed: a
    grey film repeated in three channels is one input, and only the sum keeps the sum of the map
    equal to the change of the logit (see `completeness_gap`).

    Args:
        classifier: any.
        images: [B, C, H, W] normalised.
        targets: [B] class index; Y is its logit.
        steps: gradients per image.
        rule: how the integral is summed.

    Returns:
        [B, H, W] signed, in units of the logit.
    """
    return per_channel(classifier, images, targets, steps=steps, rule=rule).sum(dim=1)


def per_channel(classifier: Classifier, images: Tensor, targets: Tensor, *, steps: int, rule: Rule) -> Tensor:
    """Integrated gradients before channels are summed, [B, C, H, W]; arguments as above."""
    places, weights = (node.to(images) for node in nodes(steps, rule))
    along = averaged_gradients(
        classifier.module,
        lambda index: images[index] * places[:, None, None, None],
        targets,
        weights,
        size=(images.shape[-2], images.shape[-1]),
    )
    return images * along


def completeness_gap(classifier: Classifier, images: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Sum of each map minus what it should be: the logit's change from the blank film.

    Args:
        classifier: that was explained.
        images: [B, C, H, W] that were explained.
        targets: [B] that were explained.
        maps: [B, H, W] of `integrated_gradients`, on any device; in half precision (`pack`) the gap is that of the
            rounded maps, off by some 0.05 % of the sum of their absolute values at most.

    Returns:
        [B] float64 in units of the logit; 0 for an exact integral.
    """
    with torch.no_grad():
        change = target_logits(classifier.module, images, targets).double()
        change -= target_logits(classifier.module, torch.zeros_like(images), targets).double()
    return maps.to(change.device).double().sum(dim=(1, 2)) - change


def nodes(steps: int, rule: Rule) -> Nodes:
    """Nodes of a rule whose weights sum to 1.

    captum 0.9 weighs the ends of its `riemann_trapezoid` by half but divides by the number of points,
    so that its maps are smaller than these by (steps - 1) / steps.
    """
    if rule == "gausslegendre":
        places, weights = np.polynomial.legendre.leggauss(steps)
        return Nodes(torch.from_numpy((places + 1) / 2), torch.from_numpy(weights / 2))
    even = torch.full((steps,), 1 / steps, dtype=torch.float64)
    counted = torch.arange(steps, dtype=torch.float64)
    if rule == "midpoint":
        return Nodes((counted + 0.5) / steps, even)
    if rule == "right":
        return Nodes((counted + 1) / steps, even)
    ends = torch.ones(steps, dtype=torch.float64)
    ends[[0, -1]] = 0.5
    return Nodes(counted / max(steps - 1, 1), ends / ends.sum())
