"""Page 1 for a terminal: the same objects, as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from study.report.front import Fit, front
from study.report.notes import Notes
from study.report.terms import TERMS, Language

WIDTH = 96


def summary(results: Mapping[str, Any], language: Language | None = None) -> str:
    """The counts, every headline with its numbers, and what to read before quoting.

    Args:
        results: as in results.json.
        language: of the words; the report's first one by default.
    """
    spoken: Language = language or results["languages"][0]
    page = front(results, Notes(), None, Fit())
    lines = [f"{results['study']}: {results['title']}", ""]
    lines += _wrapped(" · ".join(f"{count.value} {count.words.lang(spoken)}" for count in page.counts), "")
    for answer in page.answers:
        lines.append("")
        if answer.label:
            lines += _wrapped(f"{answer.label}  {answer.question}".strip(), "    ")
        lines += _wrapped(answer.headline.lang(spoken), "    ", "  → ")
        for line in (answer.beside, *answer.lines):
            lines += _wrapped(line.lang(spoken), "    ", "    ")
    if not page.answers:
        lines += ["", TERMS["front.no_primary"].lang(spoken)]
    lines += ["", TERMS["h.quote"].lang(spoken)]
    for text in page.quote:
        lines += _wrapped(text.lang(spoken), "  ", "- ")
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: str, first: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent)
