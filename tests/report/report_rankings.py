"""Made-up rankings and scores on other models for the report's tests: invented, for layout only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from scipy import stats

from study.records import CrossMean, Design, Ranking


@lru_cache
def _quantile(k: int) -> float:
    return float(stats.studentized_range.ppf(0.95, k, np.inf))


def rankings(design: Design, metrics: Sequence[str], *, n: int) -> Iterator[Ranking]:
    """Made-up orders: the methods differ a little, controls come last; their own critical difference."""
    labels = (*design.attributions, *design.controls)
    k, rng = len(labels), np.random.default_rng(7)
    if k < 2:
        return
    difference = _quantile(k) * float(np.sqrt(k * (k + 1) / (12 * n)))
    for model in design.models:
        for arm in design.arms:
            for metric in metrics:
                quality = np.array(
                    [0.6 - 0.05 * (i % 7) - 0.3 * (label in design.controls) for i, label in enumerate(labels)]
                )
                values = quality[:, None] + rng.normal(0, 0.25, (k, n))
                ranks = stats.rankdata(-values, axis=0).mean(axis=1).tolist()
                chi2, p = stats.friedmanchisquare(*values) if k > 2 else (1.0, 0.3)
                order = sorted(range(k), key=lambda i: ranks[i])
                groups: list[tuple[str, ...]] = []
                for i, first in enumerate(order):
                    bar = tuple(labels[j] for j in order[i:] if ranks[j] - ranks[first] < difference)
                    if len(bar) > 1 and not (groups and set(bar) <= set(groups[-1])):
                        groups.append(bar)
                above = {
                    label: tuple(c for c in design.controls if ranks[labels.index(c)] - ranks[i] >= difference)
                    for i, label in enumerate(labels)
                    if label not in design.controls
                }
                yield Ranking(
                    model,
                    arm,
                    metric,
                    labels,
                    tuple(ranks),
                    tuple(values.mean(axis=1).tolist()),
                    n_blocks=n,
                    n_runs=len(design.seeds),
                    chi2=float(chi2),
                    p_value=float(p),
                    critical_difference=difference,
                    groups=tuple(groups),
                    above_control=above,
                    notes=("ranks_these_models",),
                    sentences_en=(f"Ranks over {n} images: the order for these trained models.",),
                    sentences_ko=(f"영상 {n}장에 대한 순위: 학습된 이 모델들의 순서.",),
                )


def cross(design: Design, metrics: Sequence[str], *, n: int) -> Iterator[CrossMean]:
    """A made-up score of every arm's maps on every arm's models."""
    rng = np.random.default_rng(8)
    for metric in metrics:
        for model in design.models:
            for attribution in design.attributions:
                for arm in design.arms:
                    for evaluator in design.arms:
                        spread = 0.01 if len(design.seeds) > 1 else None
                        value = 0.5 + float(rng.normal(0, 0.05))
                        place = (model, attribution, metric, arm, evaluator)
                        yield CrossMean(*place, value, spread, len(design.seeds), n)
