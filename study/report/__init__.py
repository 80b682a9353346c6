"""Findings in; one self-contained page, a PDF for the meeting, and the same numbers for machines out.

`render` reads a `ReportInput` and nothing else. It makes `results.json` first and renders the
page from that object, so that page, PDF and files cannot disagree: `results` collects,
`verdict` judges, `wording` and `terms` find the words in both languages, `tables` and
`figures` show, `html` and `pdf` lay out, `files` and `text` write for machines and terminals.
Nothing is computed here; decisions are made on unrounded values and formatting comes last.
"""

from study.report.render import RenderedReport, render
from study.report.text import summary

__all__ = ["RenderedReport", "render", "summary"]
