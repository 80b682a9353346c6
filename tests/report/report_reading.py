"""What the report's tests read of a page and of a PDF."""

from __future__ import annotations

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

from study.report import glyphs
from study.report.render import RenderedReport

NUMBER = re.compile(r"(?<![\w.])[+−]?\d+\.\d{3,4}(?![\d.])")
TEXT_FROM_PT = 20 / 25.4 * 72
"""Where the text of a page begins, a millimetre less; the running head stands above it."""
WORD = re.compile(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">([^<]*)</word>')
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


class Word(NamedTuple):
    """A word of a PDF and where it stands, in points from the upper left corner of its page."""

    left: float
    top: float
    right: float
    bottom: float
    text: str


def words_by_page(path: Path) -> list[list[Word]]:
    """The words of every page."""
    done = subprocess.run(["pdftotext", "-bbox", str(path), "-"], capture_output=True, check=True, text=True)
    return [
        [Word(*map(float, box), text) for *box, text in WORD.findall(page)] for page in done.stdout.split("<page ")[1:]
    ]


def strangers_above(path: Path) -> list[str]:
    """Words over the text of a page, from the second one on, that are not on the line of its running head."""
    found: list[str] = []
    for words in words_by_page(path)[1:]:
        above = [word for word in words if word.top < TEXT_FROM_PT]
        head = min((word.top for word in above), default=0.0)
        found += [word.text for word in above if word.top > head + 2]
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
