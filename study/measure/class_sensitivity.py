"""Class sensitivity: how much the map changes when another class is asked about.

After the class sensitivity test of Lee et al., Relevance-CAM, CVPR 2021, whose exact statistic is not known:
this definition is ours and its values are not comparable with theirs.
"""

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.adcc import correlation
from study.measure.signed import signed
from study.records import ExplainedBatch


def class_sensitivity(batch: ExplainedBatch) -> Tensor:
    """1 - Pearson correlation of the map of the target and that of the least probable other class.

    The maps are raw: signed and at the size at which the method makes them.

    Args:
        batch: reads `images`, `targets`, `predict`, the raw maps (`signed`, else `attributions`) and what
            makes them (`explain_signed`, else `explain`).

    Returns:
        [B] float64 in [0, 2]: 0 where both maps are the same but for scale, 2 where one is the other's
        negative; NaN where one of them is constant or not finite.

    Raises:
        UnsupportedError: the model knows one class only.
    """
    maps, explain = signed(batch)
    other = explain(batch.images, contrast_class(batch.predict(batch.images), batch.targets))
    return 1 - correlation(maps, other)


def contrast_class(probabilities: Tensor, targets: Tensor) -> Tensor:
    """[B] int64 class of lowest probability that is not the target; the first of equals.

    Args:
        probabilities: [B, K].
        targets: [B].
    """
    if probabilities.shape[1] < 2:
        raise UnsupportedError("class_sensitivity compares two classes, but this model knows one only")
    own = targets.to(probabilities.device)[:, None]
    return torch.argmin(probabilities.scatter(1, own, float("inf")), dim=1).to(targets.device)
