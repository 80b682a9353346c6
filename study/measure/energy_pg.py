"""Energy-based pointing game (EnergyPG): agreement with the human boxes.

Reference: Wang et al., Score-CAM, CVPR Workshops 2020, arXiv:1910.01279, section 4.3.
"""

from torch import Tensor

from study.measure.regions import inside
from study.records import ExplainedBatch

LEAST_ENERGY = 1e-12


def energy_pg(batch: ExplainedBatch) -> Tensor:
    """Share of each image's positive attribution that lies inside the union of its boxes.

    Chance level is the boxes' share of the image: see `energy_pg_excess`.

    Args:
        batch: reads `attributions` [B, H, W], any scale, and `boxes`.

    Returns:
        [B] float64 in [0, 1]; NaN where the image has no box with a pixel in it, where positive attributions
        sum to less than 1e-12 and where the map is not finite.
    """
    return energy_share(batch.attributions, inside(batch))


def energy_pg_excess(batch: ExplainedBatch) -> Tensor:
    """`energy_pg` minus the boxes' share of the image's area, [B] float64 in [-1, 1]; 0 is chance."""
    region = inside(batch)
    return energy_share(batch.attributions, region) - region.double().mean(dim=(1, 2))


def energy_share(attributions: Tensor, region: Tensor) -> Tensor:
    """Positive attribution inside `region` [B, H, W] over all of it, [B] float64; NaN as in `energy_pg`."""
    energy = attributions.double().clamp(min=0)
    total = energy.sum(dim=(1, 2))
    share = (energy * region).sum(dim=(1, 2)) / total
    unmarked = ~region.flatten(1).any(dim=1)
    return share.masked_fill((total < LEAST_ENERGY) | ~total.isfinite() | unmarked, float("nan"))
