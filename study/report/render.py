"""From the findings to the files of a report.

The order matters: data files and the page are written before the PDF is tried, so that a
machine without Pango still gets them. Only the PDF is cut to one first page and at most a
hundred thumbnails; the page shows everything.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from study.records import ReportInput
from study.report import design_files, files, glyphs
from study.report.contrast_pictures import forest
from study.report.front import FITS, Fit, front
from study.report.gallery import gallery
from study.report.html import Content, content, render_page
from study.report.notes import read_notes
from study.report.pdf import Laid, RenderingError, lay_out, write_pdf
from study.report.pictures import pictures
from study.report.results import results as make_results
from study.report.terms import TERMS, fill

ATTACHED = ("results.json", "contrasts.csv", "tables.tex")
MOST_PAGES = 12
_DRAWN_BY_STYLE = "•·●○△×▲▼"
_ALWAYS = "".join(map(chr, range(0x20, 0x7F))) + glyphs.WORD_JOINER + glyphs.REPLACEMENT + _DRAWN_BY_STYLE


@dataclass(frozen=True)
class RenderedReport:
    """Where the files are.

    Attributes:
        html, pdf, results, contrasts, metrics, tables: paths of the files.
        pages: pages of the PDF; page 1 is exactly one.
        warnings: sentences for whoever started the report.
    """

    html: Path
    pdf: Path
    results: Path
    contrasts: Path
    metrics: Path
    tables: Path
    pages: int
    warnings: tuple[str, ...]


def render(report: ReportInput, out: Path) -> RenderedReport:
    """Write report.html, report.pdf, results.json, contrasts.csv, metrics.csv and tables.tex.

    Args:
        report: everything the report reads; nothing else is looked up.
        out: folder of the report; made if it is not there.

    Returns:
        The paths, the number of pages, and warnings.

    Raises:
        DependencyError: the PDF needs system libraries; every other file is written by then.
        DataError: the notes beside the protocol cannot be read.
        RenderingError: the PDF would not show what the page says.
    """
    out.mkdir(parents=True, exist_ok=True)
    notes = read_notes(report.notes_path)
    results = make_results(report, notes)
    first = front(results, notes, report.previous_results, Fit())
    whole = content(results, first, pictures(report, results), gallery(report, results), notes)
    _write_data(whole, out)
    whole = replace(whole, faces=glyphs.faces(_characters(whole, report)))
    (out / "report.html").write_text(render_page(whole, report.languages, web=True), encoding="utf8")
    unknown: set[str] = set()
    fitted = _fitted(whole, report, unknown)
    laid = lay_out(_paper(fitted, report, unknown))
    if len(laid.starts) > 1 and sorted(laid.starts.values())[1] != 2:
        raise RenderingError("page 1 of the PDF is not one page")
    write_pdf(laid, out / "report.pdf", attachments=[out / name for name in ATTACHED], date=report.facts.date)
    return _rendered(out, laid, unknown)


def _write_data(whole: Content, out: Path) -> None:
    results = whole.results
    tables = [table for group in whole.tables.values() for table in group if table.sortable]
    contents: Mapping[str, str] = {
        "results.json": files.results_json(results),
        "contrasts.csv": files.contrasts_csv(results),
        "metrics.csv": files.metrics_csv(results),
        "tables.tex": files.tables_tex(tables, results["languages"][0], study=results["study"]),
    }
    designs = {name: files.rows_csv(*table) for name, table in design_files.files(results).items()}
    for name, text in {**contents, **designs}.items():
        (out / name).write_text(text, encoding="utf8", newline="\n")


def _characters(whole: Content, report: ReportInput) -> set[str]:
    """Every character of the page, and of the sentences that only a shortened page 1 has."""
    more = "".join(text.en + text.ko for key, text in TERMS.items() if key.startswith("more."))
    return set(glyphs.text_of(render_page(whole, report.languages, web=True)) + more + _ALWAYS)


def _fitted(whole: Content, report: ReportInput, unknown: set[str]) -> Content:
    """The most of page 1 that is one page; found by halves, as what is much too long takes long to lay out.

    Raises:
        RenderingError: even the least of it is longer than a page.
    """

    def fits(fit: Fit) -> bool:
        return lay_out(_paper(_shortened(whole, report, fit), report, unknown, only=1)).pages == 1

    if fits(FITS[0]):
        return _shortened(whole, report, FITS[0])
    place = bisect.bisect_left(FITS, True, lo=1, key=fits)
    if place == len(FITS):
        raise RenderingError("page 1 does not fit on one page, however little it shows")
    return _shortened(whole, report, FITS[place])


def _shortened(whole: Content, report: ReportInput, fit: Fit) -> Content:
    if fit == Fit():
        return whole
    page = front(whole.results, whole.notes, report.previous_results, fit)
    n = whole.results["counts"]["primary_contrasts"]
    shorter = replace(whole, front=page, second=fit.second, cut=whole.front)
    if fit.forest is None or n <= fit.forest:
        return shorter
    short = replace(whole.pictures, forest=forest(report, whole.results, rows=fit.forest))
    return replace(shorter, pictures=short, forest_rest=whole.pictures.forest)


def _paper(whole: Content, report: ReportInput, unknown: set[str], *, only: int | None = None) -> str:
    page, missing = glyphs.drawable(render_page(whole, report.languages, web=False, only=only))
    unknown |= missing
    return glyphs.keep_words_whole(page)


def _rendered(out: Path, laid: Laid, unknown: set[str]) -> RenderedReport:
    warnings = []
    if unknown:
        warnings.append(fill("warning.glyphs", characters=" ".join(sorted(unknown))).en)
    if laid.pages > MOST_PAGES:
        warnings.append(fill("warning.pages", n=laid.pages).en)
    names: dict[str, Any] = {
        "html": "report.html",
        "pdf": "report.pdf",
        "results": "results.json",
        "contrasts": "contrasts.csv",
        "metrics": "metrics.csv",
        "tables": "tables.tex",
    }
    paths = {key: out / name for key, name in names.items()}
    return RenderedReport(**paths, pages=laid.pages, warnings=tuple(warnings))
