"""Faithfulness gap: LeRF minus MoRF deletion, on a scale that is the model's own.

A model that tolerates occlusion, such as a masked autoencoder, has a high deletion curve whatever
the map. Normalising each curve between the original and the blank image, and taking the difference of two
orders of the same pixels, takes out where the curves start and end: an order without information scores 0 on every
model. How fast the curves fall between is still the model's: the study `occlusion_bias` shows maps that are equally right
and score 1.28 on one model and .42 on another that was trained with occlusion. What is fair between models is
`study.measure.cross`.

Reference: degradation score of Schulz et al., IBA, ICLR 2020, arXiv:2001.00396, section 4.4, on pixels instead of tiles.
"""

from torch import Tensor

from study.measure.engine import STEPS, area, check_whole, curves_of
from study.records import Curves, ExplainedBatch

LEAST_CHANGE = 0.1
"""Smallest p(original) - p(blank) to divide by: below it a single film could rule any mean, and where the
blank image scores higher than the film (a film that the model gets wrong) the sign would turn round."""


def faithfulness_gap(batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS) -> Tensor:
    """Area between the LeRF and the MoRF deletion curve after (p - p_blank) / (p_original - p_blank).

    Args:
        batch: reads `images`, `targets`, `attributions` and `predict`, or `curves`.
        baseline: what the blank image is: `zero`, `mean` or `blur`.
        steps: equal steps from whole to blank.

    Returns:
        [B] float64, around 0 for an order without information, usually within [-1, 1]; NaN where the map is
        constant or not finite, and where p_original is not at least 0.1 above p_blank: such a film has no
        evidence for the target that an order could find.

    Raises:
        UnsupportedError: an unknown baseline, or one without a blank image.
    """
    return normalised_gap(curves_of(batch, baseline=baseline, steps=steps))


def normalised_gap(curves: Curves) -> Tensor:
    """Area between the two deletion curves on the scale from p_blank (0) to p_original (1), [B] float64.

    NaN where that scale is shorter than `LEAST_CHANGE`.

    Raises:
        UnsupportedError: curves that do not end at a blank image.
    """
    check_whole(curves)
    change = curves.deletion_morf[:, 0] - curves.deletion_morf[:, -1]
    change = change.masked_fill(change < LEAST_CHANGE, float("nan"))
    # Both curves run from p_original to p_blank, so p_blank cancels in their difference.
    return area(curves.deletion_lerf - curves.deletion_morf) / change
