"""Cascading randomisation: whether a map depends on what the model learned.

The model's weights are redrawn from the output towards the input, further at each step, and the map of
the same class is made again. A map that stays as it was does not show what the model learned.

Reference: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv:1810.03292, section 3.
"""

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.signed import signed
from study.measure.similarity import Likeness, compare, profile
from study.records import Cascade, ExplainedBatch

CHUNK = 8
"""Maps compared at a time: more do not fit into the cache, and take several times as long."""


def cascade(batch: ExplainedBatch) -> Cascade:
    """Likeness of each map to those of the model with more and more weights redrawn.

    What is compared, and how, is told in `similarity`.

    Args:
        batch: reads `images`, `targets`, the raw maps (`signed`, else `attributions`) and `randomised`.

    Returns:
        [B, S] each; NaN where the map, or that of the step, is constant (a Grad-CAM without
        positive weights can be) or not finite.

    Raises:
        UnsupportedError: the batch does not bring `randomised`.
    """
    if not batch.randomised:
        raise UnsupportedError("the batch brings no maps of a model with redrawn weights (cascade or randomised)")
    size = (batch.images.shape[-2], batch.images.shape[-1])
    before = [profile(maps, size) for maps in torch.split(signed(batch).maps, CHUNK)]
    columns: list[Likeness] = []
    for explain in batch.randomised.values():
        maps = explain(batch.images, batch.targets)
        parts = [
            compare(own, profile(other, size)) for own, other in zip(before, torch.split(maps, CHUNK), strict=True)
        ]
        columns.append(Likeness(*(torch.cat(values) for values in zip(*parts, strict=True))))
    return Cascade(tuple(batch.randomised), *(torch.stack(steps, dim=1) for steps in zip(*columns, strict=True)))


def cascade_of(batch: ExplainedBatch) -> Cascade:
    """What the batch brings, else computed."""
    return batch.cascade if batch.cascade is not None else cascade(batch)


def randomisation_spearman(batch: ExplainedBatch) -> Tensor:
    """Rank correlation of |map| before and after the weights were redrawn, mean over the steps.

    Steps at which it is not defined are left out of the mean.

    Args:
        batch: reads `cascade`, or computes it.

    Returns:
        [B] float64 in [-1, 1], lower for a method that depends on the weights; NaN where no step is defined:
        the map is constant or not finite, or all of the others are.
    """
    return cascade_of(batch).spearman_abs.nanmean(dim=1)


def randomisation_ssim(batch: ExplainedBatch) -> Tensor:
    """`randomisation_spearman` with the structural similarity; high for sparse maps whatever they show."""
    return cascade_of(batch).ssim.nanmean(dim=1)


def randomisation_hog(batch: ExplainedBatch) -> Tensor:
    """`randomisation_spearman` with the correlation of histograms of oriented gradients."""
    return cascade_of(batch).hog.nanmean(dim=1)
