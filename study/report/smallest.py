"""What the finished design could find at all: the smallest true difference seen in four of five repetitions.

It belongs to the design, not to the result; a chance worked out from the estimate would only repeat its p.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from study.records import Analysis, Contrast, Spread
from study.report import names, numbers
from study.report.terms import Text, fill, same


def smallest_differences(analysis: Analysis) -> Iterator[tuple[Literal["ok", "part"], Text, Text]]:
    """State, result and meaning of one check for each model and metric of the primary contrasts.

    `part` where the smallest difference is above the margin: then an undecided contrast says little.
    """
    primary = [contrast for contrast in analysis.design.contrasts if contrast.family == "primary"]
    first = {(c.model, c.attribution, c.metric): c for c in reversed(primary)}
    for spread in analysis.spreads:
        contrast = first.get((spread.model, spread.attribution, spread.metric))
        if contrast is not None and spread.smallest_difference is not None:
            yield _check(analysis, spread, contrast, m=len(primary))


def _check(
    analysis: Analysis, spread: Spread, contrast: Contrast, *, m: int
) -> tuple[Literal["ok", "part"], Text, Text]:
    facts, margin, found = analysis.design.metrics[spread.metric], contrast.margin, spread.smallest_difference
    assert found is not None
    written = numbers.bound(found, facts.unit, thresholds=(0.0, *((margin,) if margin else ()))).removeprefix("+")
    result = fill("check.finds.result", value=written, metric=names.metric_title(facts), model=same(spread.model))
    wide = margin is not None and found > margin
    tail = fill(
        "check.finds.none" if margin is None else "check.finds.wide" if wide else "check.finds.fine",
        margin=numbers.margin(margin, facts.unit),
    )
    images = fill("check.finds.images", n=numbers.count(spread.n_images))
    if spread.n_clusters < spread.n_images:
        images = fill("check.finds.patients", n=numbers.count(spread.n_images), g=numbers.count(spread.n_clusters))
    meaning = fill(
        "check.finds.meaning",
        n_runs=spread.n_runs,
        images=images,
        alpha=numbers.plain(analysis.design.alpha),
        m=m,
        tail=tail,
    )
    return "part" if wide else "ok", result, meaning
