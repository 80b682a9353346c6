"""What the report's tests read of a page and of a PDF."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from study.report import glyphs
from study.report.render import RenderedReport

NUMBER = re.compile(r"(?<![\w.])[+−]?\d+\.\d{3,4}(?![\d.])")
TEXT_FROM_PT = 20 / 25.4 * 72
"""Where the text of a page begins, a millimetre less; the running head stands above it."""
HOLES = re.compile(r"\b[nN]a[nN]\b|\bNone\b|\binf\b|[{}]|[−-]0\.000(?!\d)")


class Outline(HTMLParser):
    """Collects ids, references, headings, captions and alternative texts."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.references: list[str] = []
        self.headings: list[int] = []
        self.pictures: list[str | None] = []
        self.tables = self.captions = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        self.references += [str(values[name]) for name in ("src", "href", "xlink:href") if values.get(name)]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "img":
            self.pictures.append(values.get("alt"))
        if tag == "svg":
            self.pictures.append(values.get("aria-label"))
        self.tables += tag == "table"
        self.captions += tag == "caption"


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    return parser


def page_of(rendered: RenderedReport) -> str:
    return rendered.html.read_text(encoding="utf8")


def text_of_pdf(path: Path, *pages: int) -> str:
    span = ["-f", str(pages[0]), "-l", str(pages[-1])] if pages else []
    done = subprocess.run(["pdftotext", "-layout", *span, str(path), "-"], capture_output=True, check=True)
    return done.stdout.decode("utf8").replace(glyphs.WORD_JOINER, "")


def strangers_above(path: Path) -> list[str]:
    """Words over the text of a page, from the second one on, that are not on the line of its running head."""
    done = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, check=True, text=True)
    found: list[str] = []
    for page in done.stdout.split("<page ")[2:]:
        words = [(float(top), word) for top, word in re.findall(r'yMin="([\d.]+)"[^>]*>([^<]*)</word>', page)]
        above = [(top, word) for top, word in words if top < TEXT_FROM_PT]
        head = min((top for top, _ in above), default=0.0)
        found += [word for top, word in above if top > head + 2]
    return found


def formatted(results: Any) -> set[str]:
    """Every number of the results with three and four decimals, and in percent, without its sign."""
    found: set[str] = set()
    stack = [results]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, float):
            found |= {f"{abs(item):.{digits}f}" for digits in (3, 4, 5)}
    return found
