"""Scores of a map on other models: the map of one arm, judged by the models of the others.

OUR OPERATIONAL DEFINITION. "Inter-model insertion and deletion" was introduced by Won, Bae and Kim (arXiv:2303.14608,
Neural Networks 190, 2025), whose exact definition was not available to us; this one is ours and need not agree.

Let S[a, e, i] be a score of image i whose pixels leave in the order of the map made on the model of arm a, while the
model of arm e, the evaluator, looks at the image. The cross score of a is the mean of S[a, e, i] over the
evaluators e, image by image.

What cancels, and when: a model that tolerates occlusion keeps its own deletion curve high whatever the map. Here it
does not judge its own map, and where all arms are judged by the same evaluators (`all`, or a fixed list), their
tolerance enters every arm alike and cancels in differences between arms. With `others` each arm has a different
judge left out; the difference of two arms then still holds the difference between these two as judges, unless
there are many arms. `cross_gap` is normalised per evaluator and takes most of that out as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from study.errors import UnsupportedError
from study.measure.engine import STEPS, area, check_whole, known_curves, perturb
from study.measure.faithfulness_gap import normalised_gap
from study.records import Curves, ExplainedBatch

Evaluators = str | Sequence[str]


def cross_insertion(
    batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS, evaluators: Evaluators = "others"
) -> Tensor:
    """Mean over evaluators of the area under MoRF insertion: how fast the map's pixels convince other models.

    The insertion curve is the LeRF deletion curve read backwards, which has the same area.

    Args:
        batch: reads `cross`, the curves of these maps on the evaluators; where these have other settings or are
            missing, `images`, `targets`, `attributions` and `evaluators`.
        baseline: what the blank image is: `zero`, `mean` or `blur`.
        steps: equal steps from blank to whole.
        evaluators: `others`, `all` or names of arms. Read by the plan, which decides what the batch brings; here
            every evaluator of the batch counts.

    Returns:
        [B] float64 in [0, 1]; NaN where the map is constant or not finite.

    Raises:
        UnsupportedError: the batch brings neither such curves nor evaluators.
    """
    return _mean(batch, baseline, steps, lambda curves: area(curves.deletion_lerf))


def cross_deletion(
    batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS, evaluators: Evaluators = "others"
) -> Tensor:
    """Mean over evaluators of the area under MoRF deletion, [B] float64 in [0, 1]; all else as in `cross_insertion`."""
    return _mean(batch, baseline, steps, lambda curves: area(curves.deletion_morf))


def cross_gap(
    batch: ExplainedBatch, *, baseline: str = "zero", steps: int = STEPS, evaluators: Evaluators = "others"
) -> Tensor:
    """Mean over evaluators of the LeRF - MoRF gap, each on the evaluator's own scale from p_blank to p_original.

    Returns:
        [B] float64, usually within [-1, 1]; NaN as in `cross_insertion`, and where any evaluator sees no evidence
        (`faithfulness_gap`): a mean over the rest would be one of other judges than the other images have.
        All else as in `cross_insertion`.
    """
    return _mean(batch, baseline, steps, normalised_gap)


def _mean(batch: ExplainedBatch, baseline: str, steps: int, scored: Callable[[Curves], Tensor]) -> Tensor:
    """Over evaluators; NaN where one of them has none."""
    return torch.stack([scored(curves) for curves in _curves(batch, baseline, steps)]).mean(dim=0)


def _curves(batch: ExplainedBatch, baseline: str, steps: int) -> list[Curves]:
    """Of these maps on every evaluator, in the order of their names."""
    brought = [batch.cross[name] for name in sorted(batch.cross)]
    known = [known_curves(batch, (curves,), baseline=baseline, steps=steps) for curves in brought]
    found = [curves for curves in known if curves is not None]
    if not found or len(found) < len(brought):
        if not batch.evaluators:
            raise UnsupportedError(
                f"scores across models need curves on other models (baseline '{baseline}', {steps} steps) or these "
                "models themselves, and the batch brings neither"
            )
        predictors = [batch.evaluators[name] for name in sorted(batch.evaluators)]
        found = [perturb(replace(batch, predict=predict), baseline=baseline, steps=steps) for predict in predictors]
    for curves in found:
        check_whole(curves)
    return found
