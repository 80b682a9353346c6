"""Can a metric carry a conclusion: do images agree on an order, is an arm's mean the arm, do namesakes agree.

A metric on which images rank methods at random, or which disagrees with others that claim to measure the same thing,
says little whatever its p-values are.

Reference: Krippendorff 2004 (alpha); Tomsett et al., AAAI 2020 (reliability of saliency metrics).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.records import Components, Design, MetricReliability, Ranking
from study.statistics.cells import Block, Cells, Key
from study.statistics.floats import Floats, Integers, number, rounded
from study.statistics.influence import compact
from study.statistics.rankings import blocks

FEWEST_BLOCKS = 3
"""Two images are always in perfect agreement, or perfect disagreement."""
PARTS = ("masking",)
"""Groups whose metrics are parts of one score, each of another property: none is a namesake of another."""


def reliability(
    design: Design, cells: Cells, rankings: Sequence[Ranking], components: Sequence[Components]
) -> tuple[MetricReliability, ...]:
    """Every model, attribution that is no control, and per-image metric measured on the reference arm.

    Args:
        rankings: their alpha is that of the order of methods.
        components: their dependability is taken over.
    """
    alphas = {(row.model, row.metric): row.alpha for row in rankings if row.arm == design.reference}
    shares = {(part.model, part.attribution, part.metric): part.dependability for part in components}
    found = []
    for model in design.models:
        ranked = {
            metric: blocks(design, cells, model, design.reference, metric)
            for metric in design.metrics
            if (model, metric) in alphas
        }
        spreads = {metric: alpha_interval(rounded(each.values)) for metric, each in ranked.items()}
        for attribution in design.attributions:
            namesakes = Namesakes(design, cells, model, attribution)
            for metric in namesakes.blocks:
                n_methods, n_blocks = ranked[metric].values.shape if metric in ranked else (0, 0)
                patients = metric in ranked and n_blocks < ranked[metric].n_films
                others, rhos, n_runs = namesakes.of(metric)
                made = MetricReliability(
                    model,
                    attribution,
                    metric,
                    design.reference,
                    n_methods=n_methods,
                    n_blocks=n_blocks,
                    blocks="patients" if patients else "images",
                    alpha=alphas.get((model, metric)),
                    alpha_interval=spreads.get(metric),
                    dependability=shares.get((model, attribution, metric)),
                    others=others,
                    rhos=rhos,
                    n_runs=n_runs,
                )
                found.append(made)
    return tuple(found)


def alpha_interval(values: Floats) -> float | None:
    """Krippendorff's alpha for interval data: images are coders, methods are units, nothing is missing.

    alpha = 1 - D_o / D_e, D_o the mean squared difference of two values of one unit, D_e that of any two values;
    with a value in every cell these are twice the variances (ddof 1) within units and of all values.

    Args:
        values: [k, n] of k methods on n images, without NaN.

    Returns:
        1 where all images give a method the same value, about 0 where values do not depend on the method, below 0 where
        images disagree more than chance would; None for fewer than two methods or images, or without any spread.
    """
    if min(values.shape) < 2:
        return None
    total = float(values.var(ddof=1))
    return float(1 - values.var(axis=1, ddof=1).mean() / total) if total > 0 else None


class Namesakes:
    """Rank correlations of the metrics of one group on the reference arm's maps by one method.

    Attributes:
        blocks: metric -> its cells, of the metrics measured on this arm.
    """

    def __init__(self, design: Design, cells: Cells, model: str, attribution: str) -> None:
        keys: dict[str, Key] = {
            metric: (model, attribution, metric) for metric, facts in design.metrics.items() if not facts.per_run
        }
        found = {metric: cells.blocks[key] for metric, key in keys.items() if key in cells.blocks}
        self.blocks = {metric: block for metric, block in found.items() if len(block.rows(design.reference))}
        self._design, self._clusters = design, cells.images.clusters
        self._values = {metric: self._of_runs(metric) for metric in self.blocks}
        self._known: dict[tuple[str, str, bytes], Floats | None] = {}

    def of(self, metric: str) -> tuple[tuple[str, ...], tuple[float | None, ...], int]:
        """The metrics of its group, the correlation with each, and how many runs it is averaged over."""
        facts = self._design.metrics[metric]
        if not facts.group or facts.group in PARTS or facts.higher_is_better is None:
            return (), (), 0
        others = tuple(
            other
            for other in self.blocks
            if other != metric
            and self._design.metrics[other].group == facts.group
            and self._design.metrics[other].higher_is_better is not None
        )
        found = [list(self._by_run(metric, other)) for other in others]
        rhos = tuple(number(np.mean(values)) if values else None for values in found)
        return others, rhos, max((len(values) for values in found), default=0)

    def _of_runs(self, metric: str) -> dict[str, Floats]:
        """Run id -> [all images] values turned so that higher is better; NaN where there is none."""
        block: Block = self.blocks[metric]
        sign = -1.0 if self._design.metrics[metric].higher_is_better is False else 1.0
        found = {}
        for row in block.rows(self._design.reference):
            values = np.full(len(self._clusters), np.nan)
            values[block.images] = sign * rounded(block.values[int(row)])
            found[block.runs[int(row)].run_id] = values
        return found

    def _by_run(self, metric: str, other: str) -> Iterator[float]:
        for run_id, values in self._values[metric].items():
            if run_id in self._values[other]:
                both = np.isfinite(values) & np.isfinite(self._values[other][run_id])
                one, two = (self._ranks(name, run_id, both) for name in (metric, other))
                if one is not None and two is not None:
                    yield float(one @ two)

    def _ranks(self, metric: str, run_id: str, used: NDArray[np.bool_]) -> Floats | None:
        """Ranks of the means of patients over the images used, with mean 0 and length 1."""
        key = (metric, run_id, used.tobytes())
        if key not in self._known:
            self._known[key] = _standardised(self._values[metric][run_id][used], self._clusters[used])
        return self._known[key]


def _standardised(values: Floats, clusters: Integers) -> Floats | None:
    codes = compact(clusters)
    means = np.bincount(codes, weights=values) / np.bincount(codes) if len(codes) else values
    if len(means) < FEWEST_BLOCKS:
        return None
    ranks = stats.rankdata(rounded(means))
    ranks -= ranks.mean()
    length = float(np.sqrt((ranks**2).sum()))
    return np.asarray(ranks / length) if length > 0 else None
