"""Figures of contrasts: forest, secondary forest, image by image, assumptions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

from study.records import Finding, ReportInput
from study.report import contrast_tables, extent, figures, numbers
from study.report.labels import speaker
from study.report.picture import Picture, one
from study.report.results import together
from study.report.simultaneous import at_once, simultaneous_caption, with_simultaneous
from study.report.terms import TERMS, Language, Text, fill, join, same
from study.report.wording import voice

Results = Mapping[str, Any]
MOST_ESTIMATIONS = 2
"""Rows of estimation plots in print; the page shows all."""
_ESTIMATION_MM = (48.0, 40.0)
"""Height of the panels of estimation plots: in one row, in several."""


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
        band=band(results, contrasts),
    )
    return one("forest", svg, caption + simultaneous_caption(contrasts))


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


def secondary(report: ReportInput, results: Results) -> tuple[Picture, ...]:
    """The forest of the secondary contrasts."""
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
        return one("secondary", svg, fill("fig.secondary.simultaneous", **about))
    return one("secondary", svg, fill("fig.secondary", n=numbers.count(n), missed=missed, **about))


def estimations(report: ReportInput, results: Results) -> tuple[Picture, ...]:
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
        band=simultaneous_caption(rows) + band(results, rows),
    )
    return Picture(key, svgs[0], caption, tuple(svgs[1:]))


def checks(report: ReportInput, results: Results) -> tuple[Picture, ...]:
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
        found += one(f"checks-{len(found)}", svg, fill("fig.checks", name=name))
    return tuple(found)


def _of_family(findings: Iterable[Finding], family: str) -> list[Finding]:
    return [finding for finding in findings if finding.family == family]


def band(results: Results, rows: Sequence[Mapping[str, Any]]) -> Text:
    """What the shaded band is, where all these contrasts have one margin."""
    margins = {(row["margin"], row["metric"]) for row in rows if row["margin"] is not None}
    if len(margins) != 1:
        return same("")
    margin, metric = margins.pop()
    return fill("fig.forest.band", margin=numbers.margin(margin, results["metrics"][metric]["unit"]))
