"""What is made of values that are undefined: the protocol's rule, and both readings where the arms differ in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from study.records import Design, MetricFacts
from study.statistics.cells import Block, Cells
from study.statistics.companions import TTest, images_test, t_test
from study.statistics.comparison import Draft, others_of, primary_of
from study.statistics.floats import number
from study.statistics.influence import compact, of_mean
from study.statistics.missing import MISSING_BY_ARM, Compared, compare, missing_by_arm, undefined_as
from study.statistics.sentences import Note, note


def worst_value(facts: MetricFacts) -> float | None:
    """The metric's limit on its worse side; None without a direction or a limit there."""
    return None if facts.higher_is_better is None else facts.bounds[0 if facts.higher_is_better else 1]


def with_rules(design: Design, cells: Cells) -> Cells:
    """The cells with undefined values replaced where the protocol counts them as the metric's worst value.

    Images on which no run has a value (a metric that does not apply) stay out. `Block.replaced` says how many values
    of each run were replaced. A metric without a worst value keeps its rule `drop`.
    """
    blocks = dict(cells.blocks)
    for key, block in cells.blocks.items():
        rule = design.rules.undefined.get(key[2], "drop")
        worst = worst_value(design.metrics[key[2]]) if key[2] in design.metrics else None
        if rule == "worst" and worst is not None:
            filled = undefined_as(block, worst)
            lacking = (np.isnan(block.values) & np.isfinite(filled.values)).sum(axis=1)
            blocks[key] = replace(filled, replaced=tuple(int(count) for count in lacking))
    return replace(cells, blocks=blocks)


def rule_notes(made: Draft, block: Block) -> Iterator[Note]:
    """That undefined values of the two arms were counted as the worst value, and how many."""
    rows = [int(row) for arm in (made.contrast.treatment, made.contrast.control) for row in block.rows(arm)]
    replaced = sum(block.replaced[row] for row in rows) if block.replaced else 0
    if replaced:
        worst = worst_value(made.facts)
        yield note("undefined_as_worst", metric=made.facts.title, n=replaced, worst=f"{worst:g}")


def missing_notes(made: Draft, block: Block, design: Design, cells: Cells) -> Iterator[Note]:
    """Where one arm lacks values more often: both readings of them, as fields and as a note."""
    p_missing = missing_by_arm(block, made.contrast.treatment, made.contrast.control)
    if p_missing is None or p_missing >= MISSING_BY_ARM:
        return
    made.fields["p_missing_by_arm"] = p_missing
    worst = worst_value(made.facts)
    if worst is not None:
        _reading(made, undefined_as(block, worst), "worst", design, cells)
    _reading(made, _complete_only(made, block), "dropped", design, cells)
    estimates = [made.fields.get(f"estimate_undefined_{which}") for which in ("worst", "dropped")]
    yield note(
        "missing_by_arm",
        n=len(block.images),
        runs=len(block.rows(made.contrast.treatment)) + len(block.rows(made.contrast.control)),
        p=f"= {p_missing:.3f}" if p_missing >= 0.0005 else "< 0.001",
        worst="–" if estimates[0] is None else estimates[0],
        dropped="–" if estimates[1] is None else estimates[1],
    )


def _complete_only(made: Draft, block: Block) -> Block:
    """Images without one of the two arms' values lose the others too."""
    rows = np.concatenate([block.rows(made.contrast.treatment), block.rows(made.contrast.control)])
    lacking = np.isnan(block.values[rows]).any(axis=0)
    return replace(block, values=np.where(lacking, np.nan, block.values))


def _reading(made: Draft, block: Block, which: str, design: Design, cells: Cells) -> None:
    """The contrast again on other cells: estimate, interval and p of the same question."""
    compared = compare(block, made.contrast.treatment, made.contrast.control, paired=made.paired)
    if not len(compared.images):
        return
    test = _test(made, compared, block, design, cells)
    made.fields |= {
        f"estimate_undefined_{which}": number(test.estimate),
        f"ci_undefined_{which}_low": number(test.ci_low),
        f"ci_undefined_{which}_high": number(test.ci_high),
        f"p_undefined_{which}": number(test.p_value),
        f"n_images_undefined_{which}": len(compared.images),
    }


def _test(made: Draft, compared: Compared, block: Block, design: Design, cells: Cells) -> TTest:
    """The primary analysis with the same run variance; the test of these models where that is all there is."""
    codes = compact(cells.images.clusters[compared.images])
    treatment, control = (of_mean(side, codes, weight=design.weight) for side in (compared.treatment, compared.control))
    estimate = float(treatment.figures.mean() - control.figures.mean())
    if len(np.unique(codes)) < 2:
        return t_test(estimate, float("nan"), float("nan"))
    if made.status == "insufficient_runs":
        return images_test(compared.differences, codes, weight=design.weight, alpha=design.alpha)
    again = Draft(made.contrast, made.facts, sides=(treatment, control), compared=compared, paired=compared.paired)
    again.others = others_of(again, design, block, codes)
    result = primary_of(again, design.alpha)
    return t_test(estimate, float(result.se), float(result.df), alpha=design.alpha)
