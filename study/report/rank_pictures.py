"""Diagrams of average ranks with their critical difference: of the attributions, and of the arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from study.records import Ranking, ReportInput
from study.report import extent, figures, numbers, omnibus_tables, ranks
from study.report.cells import alone
from study.report.picture import Picture, one
from study.report.terms import TERMS, Text, fill
from study.report.wording import voice

Results = Mapping[str, Any]
MOST_RANKS = 12
"""Diagrams of ranks on the page; the tables hold every ranking."""


def of_attributions(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Diagrams of the selected metrics: the reference arm's first, a metric's models side by side."""
    if not ranks.shown(results):
        return ()
    design, selected = report.analysis.design, ranks.selected(results)
    order = sorted(design.arms, key=lambda arm: arm != design.reference)
    rows = [row for row in report.analysis.rankings if row.metric in selected and row.critical_difference is not None]
    rows = [row for row in rows if len(row.attributions) >= ranks.FEWEST_DRAWN]
    rows.sort(key=lambda row: (order.index(row.arm), selected.index(row.metric), design.models.index(row.model)))
    found: list[Picture] = []
    for place, row in enumerate(rows[:MOST_RANKS]):
        svg = figures.ranks(row, design.controls, report.languages[0])
        found += one(f"ranks-{place}", svg, _rank_caption(results, row))
    return tuple(found)


def of_arms(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Diagram of the arms by the first primary metric, one per model."""
    found: list[Picture] = []
    arms = voice(results).arms
    for place, row in enumerate(row for row in omnibus_tables.primary_rows(results) if row["average_ranks"]):
        named = Ranking(
            row["model"],
            "",
            row["metric"],
            attributions=tuple(arms[arm] for arm in row["arms"]),
            average_ranks=tuple(row["average_ranks"]),
            means=tuple(row["means"]),
            n_blocks=row["n_blocks"],
            n_runs=max(row["n_runs"]),
            chi2=row["friedman_chi2"],
            p_value=row["friedman_p"],
            critical_difference=row["critical_difference"],
            groups=tuple(tuple(arms[arm] for arm in group) for group in row["groups"]),
            above_control={},
        )
        svg = figures.ranks(named, (), report.languages[0], of="arms")
        found += one(f"arm-ranks-{place}", svg, _arm_rank_caption(results, row))
    return tuple(found)


def _arm_rank_caption(results: Results, row: Mapping[str, Any]) -> Text:
    return fill(
        "fig.arm_ranks",
        what=omnibus_tables.title(results, row),
        runs=extent.runs([{"n_runs": n} for n in row["n_runs"]]),
        blocks=omnibus_tables.blocks(row),
        cd=numbers.fixed(row["critical_difference"], 2),
        alpha=numbers.plain(results["alpha"]),
        p=numbers.p_relation(row["friedman_p"], alpha=results["alpha"]),
        w=numbers.fixed(row["kendall_w"]),
    )


def _rank_caption(results: Results, row: Ranking) -> Text:
    arm = "" if alone(results) else f", {voice(results).arms[row.arm]}"
    return fill(
        "fig.ranks",
        what=f"{results['metrics'][row.metric]['title']}, {row.model}{arm}",
        n=numbers.count(row.n_blocks),
        runs=TERMS["runs.one"] if row.n_runs == 1 else fill("runs.count", n=row.n_runs),
        cd=numbers.fixed(row.critical_difference, 2),
        alpha=numbers.plain(results["alpha"]),
        p=numbers.p_relation(row.p_value, alpha=results["alpha"]),
    )
