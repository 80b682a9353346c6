"""Which figures the report has, and the sentence under each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

from study.records import CurveSummary, Finding, Ranking, ReportInput
from study.report import contrast_tables, extent, figures, numbers, omnibus_tables, ranks
from study.report.cells import alone, primary_attribution
from study.report.control_tables import control_metrics, shown_attribution
from study.report.design_pictures import dose_figures, factor_figures
from study.report.labels import speaker
from study.report.results import together
from study.report.simultaneous import at_once, simultaneous_caption, with_simultaneous
from study.report.terms import TERMS, Language, Text, fill, join, same
from study.report.wording import voice

Results = Mapping[str, Any]
MOST_ESTIMATIONS = 2
"""Rows of estimation plots in print; the page shows all."""
_ESTIMATION_MM = (48.0, 40.0)
"""Height of the panels of estimation plots: in one row, in several."""
MOST_RANKS = 12
"""Diagrams of ranks on the page; the tables hold every ranking."""
_RUN_PANELS = ("auc", "accuracy")
"""Metrics of whole runs that have a panel among the runs."""


@dataclass(frozen=True)
class Picture:
    """A figure with its caption; `svg` is one element, text as text.

    `beside` are more of its kind in the same row, which has room for `across` of them.
    """

    key: str
    svg: str
    caption: Text
    beside: tuple[str, ...] = ()
    across: int = 1

    @property
    def panels(self) -> tuple[str, ...]:
        """All its elements, from left to right."""
        return (self.svg, *self.beside)


@dataclass(frozen=True)
class Pictures:
    """The figures by section; an empty tuple where there is nothing to show."""

    forest: tuple[Picture, ...] = ()
    design: tuple[Picture, ...] = ()
    flow: tuple[Picture, ...] = ()
    verdict_rule: tuple[Picture, ...] = ()
    runs: tuple[Picture, ...] = ()
    curves: tuple[Picture, ...] = ()
    secondary: tuple[Picture, ...] = ()
    estimation: tuple[Picture, ...] = ()
    controls: tuple[Picture, ...] = ()
    checks: tuple[Picture, ...] = ()
    learning: tuple[Picture, ...] = ()
    factors: tuple[Picture, ...] = ()
    dose: tuple[Picture, ...] = ()
    first_ranks: tuple[Picture, ...] = ()
    more_ranks: tuple[Picture, ...] = ()
    arm_ranks: tuple[Picture, ...] = ()


def pictures(report: ReportInput, results: Results) -> Pictures:
    """Every figure of the report, drawn once; the page and the PDF share them."""
    facts, analysis = report.facts, report.analysis
    arms = voice(results).arms
    real = [mean for mean in analysis.run_means if mean.attribution not in analysis.design.controls]
    design = analysis.design
    chains = TERMS["fig.design.one" if alone(results) else "fig.design"]
    drawn = _ranks(report, results)
    lang = report.languages[0]
    return Pictures(
        forest=forest(report, results),
        design=_one("design", figures.design_chains(facts.chains, design.reference, arms, lang), chains),
        flow=() if facts.tables else _one("flow", figures.flow(analysis, lang), TERMS["fig.flow"]),
        verdict_rule=_rule(report),
        runs=_one("runs", _run_marks(real, results, report, arms), _runs(results)),
        curves=_curves(report, results),
        secondary=_secondary(report, results),
        estimation=_estimations(report, results),
        controls=_controls(report, results),
        checks=_checks(report, results),
        learning=_learning(report, arms),
        factors=tuple(p for each in factor_figures(analysis, results, lang) for p in _one(*each)),
        dose=tuple(p for each in dose_figures(analysis, results, arms, lang) for p in _one(*each)),
        first_ranks=drawn[:1] if alone(results) else (),
        more_ranks=drawn[1:] if alone(results) else drawn,
        arm_ranks=_arm_ranks(report, results),
    )


def _rule(report: ReportInput) -> tuple[Picture, ...]:
    """The rule of verdicts, where there are verdicts."""
    design = report.analysis.design
    if not any(contrast.family == "primary" for contrast in design.contrasts):
        return ()
    return _one("verdict-rule", figures.verdict_rule(_spoken(report), alpha=design.alpha), TERMS["fig.verdict_rule"])


def _run_marks(real: Sequence[Any], results: Results, report: ReportInput, arms: Mapping[str, str]) -> str | None:
    """The marks of runs; a single run has nothing to be compared with."""
    design = report.analysis.design
    if alone(results) and results["counts"]["runs_per_arm_highest"] < 2:
        return None
    return figures.runs(_primary_first(real, results), design.metrics, design, arms, report.languages[0])


def _ranks(report: ReportInput, results: Results) -> tuple[Picture, ...]:
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
        found += _one(f"ranks-{place}", svg, _rank_caption(results, row))
    return tuple(found)


def _arm_ranks(report: ReportInput, results: Results) -> tuple[Picture, ...]:
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
        found += _one(f"arm-ranks-{place}", svg, _arm_rank_caption(results, row))
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


def _spoken(report: ReportInput) -> Literal["en", "ko", "both"]:
    return "both" if len(report.languages) > 1 else report.languages[0]


def _learning(report: ReportInput, arms: Mapping[str, str]) -> tuple[Picture, ...]:
    """One figure per model; print shows the first, the page all."""
    design = report.analysis.design
    found: list[Picture] = []
    for model in design.models:
        own = [curve for curve in report.learning if curve.model == model]
        svg = figures.learning_curves(own, design, arms, report.languages[0]) if own else None
        found += _one(f"learning-{design.models.index(model)}", svg, fill("fig.learning", model=model))
    return tuple(found)


def _one(key: str, svg: str | None, caption: Text) -> tuple[Picture, ...]:
    return () if svg is None else (Picture(key, svg, caption),)


def forest(report: ReportInput, results: Results, *, rows: int | None = None) -> tuple[Picture, ...]:
    """The forest plot of the primary contrasts, or of the first `rows` of them."""
    analysis = report.analysis
    findings = _of_family(together(analysis.findings), "primary")[:rows]
    shown = {finding.contrast_id for finding in findings}
    contrasts = [row for row in contrast_tables.of_family(results, "primary") if row["contrast_id"] in shown]
    say = speaker(results)
    svg = figures.forest(
        [_spoken_sentences(with_simultaneous(finding), say) for finding in findings],
        [row for row in analysis.seed_differences if row.contrast_id in shown],
        {row["contrast_id"]: _judged(row, report.languages[0]) for row in contrasts},
        voice(results).arms,
        analysis.design.metrics,
        report.languages[0],
    )
    caption = fill(
        "fig.forest",
        on=contrast_tables.on_what(results, contrasts),
        runs=_extent(results, contrasts),
        m=extent.tests(contrasts),
        band=_band(results, contrasts),
    )
    return _one("forest", svg, caption + simultaneous_caption(contrasts))


def _spoken_sentences(finding: Finding, say: Callable[[str], str]) -> Finding:
    """The finding with the labels in its sentences spoken."""
    english, korean = (tuple(map(say, words)) for words in (finding.sentences_en, finding.sentences_ko))
    return replace(finding, sentences_en=english, sentences_ko=korean)


def _extent(results: Results, rows: Sequence[Mapping[str, Any]]) -> Text:
    """Runs, and the images where the words on metric and attribution do not name them."""
    what = contrast_tables.on_what(results, rows).en
    return extent.runs(rows) if "images" in what else extent.of_contrasts(rows)


def _judged(row: Mapping[str, Any], language: Language) -> Any:
    verdict = row["verdict"]
    return SimpleNamespace(mark=verdict["mark"], short=verdict["short"][language])


def _of_family(findings: Iterable[Finding], family: str) -> list[Finding]:
    return [finding for finding in findings if finding.family == family]


def _band(results: Results, rows: Sequence[Mapping[str, Any]]) -> Text:
    margins = {(row["margin"], row["metric"]) for row in rows if row["margin"] is not None}
    if len(margins) != 1:
        return same("")
    margin, metric = margins.pop()
    return fill("fig.forest.band", margin=numbers.margin(margin, results["metrics"][metric]["unit"]))


def _primary_first(run_means: Sequence[Any], results: Results) -> list[Any]:
    """Values of the primary attribution and of whole runs, the primary metrics before the others."""
    attribution = primary_attribution(results)
    primary = [row["metric"] for row in contrast_tables.of_family(results, "primary")]
    kept = [mean for mean in run_means if mean.attribution in ("", attribution)]
    kept = [mean for mean in kept if mean.attribution or mean.metric in _RUN_PANELS]
    return sorted(kept, key=lambda mean: mean.metric not in primary)


def _attribution_title(results: Results) -> str:
    label = primary_attribution(results)
    return numbers.MISSING if label is None else str(results["attributions"][label]["title"])


def _runs(results: Results) -> Text:
    return fill("fig.runs", attribution=_attribution_title(results))


def _curves(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Per model, the curves of the primary attribution."""
    design, attribution = report.analysis.design, primary_attribution(results)
    arms = voice(results).arms
    found: list[Picture] = []
    for model in design.models:
        own = [c for c in report.analysis.curves if c.model == model and c.attribution == attribution]
        svg = figures.curves(own, design, arms, report.languages[0]) if own else None
        found += _one(f"curves-{design.models.index(model)}", svg, _curve_caption(own, results, model))
    return tuple(found)


def _curve_caption(curves: Sequence[CurveSummary], results: Results, model: str) -> Text:
    counts = sorted({curve.n_runs for curve in curves})
    low, high = (counts[0], counts[-1]) if counts else (0, 0)
    n = fill("interval", low=low, high=high) if low != high else same(str(low))
    return fill(
        "fig.curves.one" if alone(results) else "fig.curves",
        attribution=_attribution_title(results),
        model=model,
        runs=TERMS["runs.one"] if high == 1 else fill("runs.count", n=n),
        images=numbers.count(max((curve.n_images for curve in curves), default=0)),
        reference=next(arm["name"] for arm in results["arms"] if arm["reference"]),
        question=TERMS["extent.models" if high < 2 else "extent.mixed" if low < 2 else "extent.recipe"],
    )


def _secondary(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    findings = _of_family(report.analysis.findings, "secondary")
    drawn = [with_simultaneous(finding) for finding in findings]
    svg = figures.secondary_forest(drawn, report.analysis.design.metrics, voice(results).arms, report.languages[0])
    n = sum(finding.ci_low is not None for finding in findings)
    missed = f"{n * results['alpha']:.0f}"
    rows = [row for row in results["contrasts"] if row["family"] == "secondary" and row["estimate"] is not None]
    if not rows:
        return ()
    about = {"question": extent.question(rows), "extent": extent.of_contrasts(rows)}
    if at_once(rows):
        return _one("secondary", svg, fill("fig.secondary.simultaneous", **about))
    return _one("secondary", svg, fill("fig.secondary", n=numbers.count(n), missed=missed, **about))


def _estimations(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Two or three contrasts in a row, each row one figure."""
    drawn = {row.contrast_id for row in report.analysis.image_differences}
    findings = [f for f in _of_family(together(report.analysis.findings), "primary") if f.contrast_id in drawn]
    across: Literal[2, 3] = 2 if len(findings) in (1, 2, 4) else 3
    rows = [findings[start : start + across] for start in range(0, len(findings), across)]
    draw = partial(figures.estimation, across=across, plot_mm=_ESTIMATION_MM[len(rows) > 1])
    return tuple(
        replace(_estimation_row(report, results, row, f"estimation-{place}", draw), across=across)
        for place, row in enumerate(rows)
    )


def _estimation_row(
    report: ReportInput, results: Results, findings: Sequence[Finding], key: str, draw: Callable[..., str | None]
) -> Picture:
    by_id = {row["contrast_id"]: row for row in results["contrasts"]}
    rows = [by_id[finding.contrast_id] for finding in findings]
    asked = {question["question"]: question["id"] for question in results["questions"]}
    svgs = []
    for finding in findings:
        title = f"{asked.get(finding.question, '')} {finding.model}".strip()
        drawn = with_simultaneous(finding), report.analysis, voice(results).arms, report.languages[0]
        svgs.append(draw(*drawn, title=title) or "")
    retrained = any(row["ci_low"] is not None for row in rows)
    caption = fill(
        "fig.estimation",
        name=join([contrast_tables.name(results, row, voice(results), model=True) for row in rows], "; "),
        extent=extent.of_contrast(rows[0]) if len(rows) == 1 else extent.of_contrasts(rows),
        intervals=TERMS["fig.estimation.ci" if retrained else "fig.estimation.models"],
        band=simultaneous_caption(rows) + _band(results, rows),
    )
    return Picture(key, svgs[0], caption, tuple(svgs[1:]))


def _controls(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """The dot plot of the first control metric, a panel per model."""
    metrics = [metric for model in results["models"] for metric in control_metrics(results, model)[:1]]
    if not metrics:
        return ()
    shown = shown_attribution(results) if alone(results) else None
    svg = figures.controls(report.analysis, metrics[0], voice(results).arms, shown, report.languages[0])
    return _one("controls", svg, fill("fig.controls", metric=results["metrics"][metrics[0]]["title"]))


def _checks(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """Assumption plots of the first primary contrast of each model."""
    analysis = report.analysis
    rows = {row["contrast_id"]: row for row in results["contrasts"]}
    found: list[Picture] = []
    seen: set[str] = set()
    for finding in _of_family(analysis.findings, "primary"):
        images = [row for row in analysis.image_differences if row.contrast_id == finding.contrast_id]
        if finding.model in seen or not images:
            continue
        seen.add(finding.model)
        name = contrast_tables.name(results, rows[finding.contrast_id], voice(results), model=True)
        svg = figures.checks(finding, analysis, report.languages[0])
        found += _one(f"checks-{len(found)}", svg, fill("fig.checks", name=name))
    return tuple(found)
