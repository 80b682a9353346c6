"""ROAD: remove and debias. What is removed is imputed from what is left, so that no step looks like a hole.

Fractions removed are the same in both orders, k / n for the steps k = 1 .. n - 1 (with ten steps 10 % to 90 %), to the
pixel those of pytorch-grad-cam's percentiles for a map without ties; ties follow the order of the engine where
that program removes all of them. No noise is added. Smooth maps are known to score better (arXiv:2304.13836).

Reference: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022,
arXiv:2202.00449; combined score as in pytorch-grad-cam.
"""

from torch import Tensor

from study.measure.baselines import ROAD
from study.measure.engine import curves_of
from study.measure.orders import ROAD_STEPS
from study.records import ExplainedBatch


def road(batch: ExplainedBatch, *, steps: int = ROAD_STEPS) -> Tensor:
    """(`road_lerf` - `road_morf`) / 2.

    Args:
        batch: reads `images`, `targets`, `attributions` and `predict`, or `curves`.
        steps: n equal steps, of which n - 1 are scored: the last would leave nothing to impute from.

    Returns:
        [B] float64 in [-0.5, 0.5]; NaN where the map is constant or not finite, or has one step only.
    """
    return (road_lerf(batch, steps=steps) - road_morf(batch, steps=steps)) / 2


def road_morf(batch: ExplainedBatch, *, steps: int = ROAD_STEPS) -> Tensor:
    """Mean over the steps of p(imputed) - p(x), most relevant pixels removed; [B] float64 in [-1, 1], NaN as in `road`."""
    return _mean_change(curves_of(batch, baseline=ROAD, steps=steps).deletion_morf)


def road_lerf(batch: ExplainedBatch, *, steps: int = ROAD_STEPS) -> Tensor:
    """`road_morf` with the least relevant pixels removed."""
    return _mean_change(curves_of(batch, baseline=ROAD, steps=steps).deletion_lerf)


def _mean_change(curve: Tensor) -> Tensor:
    return (curve[:, 1:] - curve[:, :1]).mean(dim=1)
