"""No p, interval or ± without its question, its runs, its images and, where a p is adjusted, its m.

A page, a LaTeX file or what a command prints is cut into units: a table with its caption, heads and notes; a figure with
its caption; any other paragraph. A unit that shows one of the three must say, within itself, what chance means there
(retraining and new images, these trained models, these images; for a ± what it is the SD of), over how many runs and
over how many images or patients. New parts of the report are units like all others, so the law needs no list of them.

A terminal also shows chances: how often a design finds a difference. They are of the same question, and of runs and
images that are planned: the axes of a grid, or numbers of seeds and images.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Literal

Language = Literal["en", "ko"]
Kind = Literal["table", "figure", "text"]

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
SILENT = {"script", "style", "title", "defs", "metadata", "button", "template"}
BLOCKS = {"p", "li", "dd", "dt", "div", "td", "th", "h1", "h2", "h3", "h4", "section", "header", "nav", "body", "main"}
RULE = "f-verdict-rule"
"""The picture of the rule of verdicts: drawn intervals that are no result."""

NUMBER = r"[+−-]?\d[\d,]*(?:\.\d+)?"
P_VALUE = re.compile(rf"\bp\b[^.;:()|]{{0,12}}?[=<>≥≤] ?{NUMBER}|\bp 0?\.\d")
P_HEAD = re.compile(r"\bp adj\.|\bp, unadjusted|보정 p|p \(보정 전\)|(?:^|\| )p(?: \||$)")
ADJUSTED = re.compile(r"\bp adj\.|[Aa]djusted p\b|(?:Holm|BH|BY) p\b|(?<!un)adjusted p\b|(?<!\()보정 p")
RANGE = rf"{NUMBER} (?:to|~) {NUMBER}"
INTERVAL = re.compile(
    rf"(?:CI|interval|신뢰구간)[^.;|]{{0,60}}?{RANGE}|[+−]\d[\d.]* (?:to|~) [+−]\d|[+−]\d+\.\d+ (?:to|~) \d"
)
DRAWN = re.compile(r"\bCI\b|신뢰구간")
CELL_RANGE = re.compile(RANGE)
SPREAD = re.compile(rf"{NUMBER} ± {NUMBER}")
SPREAD_HEAD = re.compile(r"± ?SD|± 실행")
LIMIT = re.compile(rf"up to {NUMBER}\W+upper \d+ ?% limit")
CHANCE = re.compile(r"[Cc]hance in percent|in 4 of 5 (?:studies|repetitions)")
DENIED = re.compile(r"not (?:a confidence|an) interval|신뢰구간이 아[님니]|no ±|± 없음|not an error bar")
"""What says that something is none; taken out before anything is looked for."""

QUESTION = {
    "en": re.compile(
        r"retraining(?: and|,) (?:on )?(?:new|these) images|trained again|these (?:two )?(?:trained )?models|these images"
        r"|new images|this trained model"
    ),
    "ko": re.compile(r"재학습|이 모델|이 영상|이 이미지|학습된 (?:이 |두 )?모델|새 영상|새 이미지"),
}
OF_SPREAD = {
    "en": re.compile(
        r"SD (?:of|over|between|across) (?:the )?(?:\d+ |\d+ to \d+ )?(?:runs|images|seeds|patients|films)"
    ),
    "ko": re.compile(r"실행 간 표준편차|실행 \d+(?: ~ \d+)?회에 걸친 (?:평균 ± )?SD|실행 평균 ± SD|영상 간"),
}
RUNS = {
    "en": re.compile(
        r"\b\d+(?: to \d+| \+ \d+)? (?:pretraining |pairs of )?runs?\b|\b[Oo]ne run\b|these two trained models|\bruns: \d"
    ),
    "ko": re.compile(r"학습된 두 모델|실행:? \d+(?: ~ \d+| \+ \d+)?회"),
}
IMAGES = {
    "en": re.compile(
        r"\b\d[\d,]*(?: to \d[\d,]*)? (?:test |held-out )?(?:images|films|radiographs|patients|blocks)\b|one count per run"
    ),
    "ko": re.compile(r"(?:영상|이미지|환자|블록)(?:은)? \d[\d,]*(?: ~ \d[\d,]*)?(?:장|명|개)|실행마다 하나"),
}
PLANNED_RUNS = re.compile(r"\b\d+ seeds\b|\bdown: seeds\b")
PLANNED_IMAGES = re.compile(r"\b\d+ images\b|\bacross: images\b")
M = re.compile(r"\bm = \d")
STEP = re.compile(r"[Cc]hance in percent at the strictest step")


@dataclass
class Node:
    """One element."""

    tag: str
    classes: tuple[str, ...] = ()
    children: list[Node | str] = field(default_factory=list)

    def text(self) -> str:
        """What a reader of the first language reads; cells of a table are set apart by bars."""
        parts = [child if isinstance(child, str) else child.text() for child in self.children if not _silent(child)]
        inside = " ".join("".join(parts).split())
        return (
            f" | {inside} | "
            if self.tag in ("td", "th", "text", "tspan")
            else f" {inside} "
            if self.tag in BLOCKS
            else "".join(parts)
        )


@dataclass(frozen=True)
class Unit:
    """A table, a figure or a paragraph as its text."""

    kind: Kind
    text: str
    classes: tuple[str, ...] = ()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("root")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, tuple((dict(attrs).get("class") or "").split()))
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag))

    def handle_endtag(self, tag: str) -> None:
        if tag in (node.tag for node in self.open[1:]):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def _silent(child: Node | str) -> bool:
    return isinstance(child, Node) and (child.tag in SILENT or bool({"l2", "b2"} & set(child.classes)))


def of_html(page: str) -> list[Unit]:
    """The units of a page, in its first language."""
    reader = _Reader()
    reader.feed(page)
    return [unit for unit in _units(reader.root) if unit.text]


def _units(node: Node) -> Iterator[Unit]:
    loose: list[str] = []
    for child in node.children:
        if isinstance(child, str):
            loose.append(child)
        elif _silent(child):
            continue
        elif (kind := _kind(child)) is not None:
            yield Unit(kind, _clean(child.text()), child.classes)
        elif _is_paragraph(child):
            yield Unit("text", _clean(child.text()), child.classes)
        elif child.tag in BLOCKS or any(isinstance(inner, Node) for inner in child.children):
            yield from _units(child)
        else:
            loose.append(child.text())
    yield Unit("text", _clean("".join(loose)))


def _kind(node: Node) -> Kind | None:
    if node.tag == "figure":
        return "figure"
    return "table" if "tbl" in node.classes or node.tag == "table" else None


def _is_paragraph(node: Node) -> bool:
    """A block without blocks in it."""
    return node.tag in BLOCKS and not any(isinstance(c, Node) and (c.tag in BLOCKS or _deep(c)) for c in node.children)


def _deep(node: Node) -> bool:
    inner = [child for child in node.children if isinstance(child, Node)]
    return any(child.tag in BLOCKS | {"figure", "table", "ul", "ol", "dl"} or _deep(child) for child in inner) or (
        node.tag in {"figure", "table", "ul", "ol", "dl"}
    )


def _clean(text: str) -> str:
    return re.sub(r"(?: ?\| ?)+", " | ", " ".join(text.split())).strip(" |")


def of_latex(text: str) -> list[Unit]:
    """The tables of a LaTeX file, as the reader of the paper sees them."""
    for tex, plain in (
        (r"$\pm$", "±"),
        ("$-$", "−"),
        ("$<$", "<"),
        ("$>$", ">"),
        (r"$\geq$", "≥"),
        (" & ", " | "),
        (r"\\", " | "),
    ):
        text = text.replace(tex, plain)
    tables = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, flags=re.DOTALL)
    return [Unit("table", _clean(re.sub(r"\\[a-z]+|[{}]", " ", table))) for table in tables]


def of_terminal(text: str) -> list[Unit]:
    """The units of what a command prints: blocks between blank lines, and of a list each of its points."""
    blocks = re.split(r"\n\s*\n", text.strip("\n"))
    points = [point for block in blocks for point in re.split(r"\n(?=- )", block)]
    return [_block(point.splitlines()) for point in points]


def _block(lines: Sequence[str]) -> Unit:
    """A table where columns are set apart by two blanks or more, below lines that hold none; else a paragraph."""
    wide = [_wide(line.rstrip()) for line in lines]
    first = next((place for place, line in enumerate(wide) if "  " in line.strip()), len(wide))
    columns = _columns(wide[first:])
    if len(wide) - first < 2 or len(columns) < 2:
        return Unit("text", _clean(" ".join(lines)))
    title = " ".join(line.strip() for line in lines[:first])
    return Unit("table", _clean(" | ".join([title, *columns])))


def _columns(lines: Sequence[str]) -> list[str]:
    """Every column from top to bottom, a bar below its head; cells may be folded over several lines."""
    width = max(map(len, lines), default=0)
    padded = [line.ljust(width) for line in lines]
    empty = "".join(" " if all(line[place] == " " for line in padded) else "x" for place in range(width))
    spans = [match.span() for match in re.finditer(r"x(?: ?x)*", empty)]
    cells = [[line[low:high].replace(FILLER, "").strip() for line in padded] for low, high in spans]
    return [" | ".join([column[0], " ".join(cell for cell in column[1:] if cell)]) for column in cells]


FILLER = "\0"


def _wide(line: str) -> str:
    """A line with as many characters as it has columns on a terminal: Hangul takes two."""
    return "".join(letter + FILLER * (unicodedata.east_asian_width(letter) in "WF") for letter in line)


def shown(unit: Unit) -> list[str]:
    """Which of p, interval, ± and chance a unit shows as a result."""
    text, found = DENIED.sub("", unit.text), []
    if RULE in unit.classes:
        return []
    if P_VALUE.search(text) or (unit.kind != "text" and P_HEAD.search(text)):
        found.append("p")
    drawn = unit.kind == "figure" and DRAWN.search(text)
    listed = unit.kind == "table" and DRAWN.search(text) and CELL_RANGE.search(text)
    if INTERVAL.search(text) or LIMIT.search(text) or drawn or listed:
        found.append("interval")
    if SPREAD.search(text) or (unit.kind == "table" and SPREAD_HEAD.search(text)):
        found.append("±")
    if CHANCE.search(text):
        found.append("chance")
    return found


def broken(unit: Unit, language: Language = "en") -> list[str]:
    """What a unit shows and does not say; empty where the law holds."""
    text, found = unit.text, shown(unit)
    if not found:
        return []
    lacking = []
    if {"p", "interval", "chance"} & set(found) and not QUESTION[language].search(text):
        lacking.append("its question")
    if "±" in found and not OF_SPREAD[language].search(text):
        lacking.append("what ± is")
    planned = found == ["chance"]
    lacking += [] if RUNS[language].search(text) or (planned and PLANNED_RUNS.search(text)) else ["runs"]
    lacking += [] if IMAGES[language].search(text) or (planned and PLANNED_IMAGES.search(text)) else ["images"]
    if (("p" in found and ADJUSTED.search(text)) or STEP.search(text)) and not M.search(text):
        lacking.append("m")
    return (
        [f"{unit.kind} shows {', '.join(found)} without {', '.join(lacking)}: {text[:300]} … {text[-300:]}"]
        if lacking
        else []
    )


CHANCES = re.compile(r"^p(_(?!improve|permutation_floor)|$)|^(ci|se|sd)(\d*_|$)|_(low|high)$")
"""Names of p, limits, standard errors and deviations in data; a share in which one arm is better is no p."""
COUNTS = {"runs": re.compile(r"^n_runs"), "images": re.compile(r"^n_(images|blocks|clusters)$")}


def broken_data(content: Any, known: frozenset[str] = frozenset(), place: str = "") -> list[str]:
    """Every record with a p, limit or spread that holds no runs, no images, or beside an adjusted p no m.

    Args:
        content: as read from JSON. known: names of the records around it. place: where it stands.
    """
    if isinstance(content, Mapping):
        given = known | {name for name, value in content.items() if value is not None}
        found = [name for name in content if name in given and CHANCES.search(name)]
        wanted = COUNTS | ({"m": re.compile(r"^m$")} if "p_adjusted" in found else {})
        lacking = [what for what, name in wanted.items() if not any(name.search(each) for each in given)]
        faults = [f"{place} holds {', '.join(found)} without {', '.join(lacking)}"] if found and lacking else []
        inner = [broken_data(value, given, f"{place}.{name}") for name, value in content.items()]
        return faults + [fault for each in inner for fault in each]
    if isinstance(content, list):
        return [fault for value in content for fault in broken_data(value, known, f"{place}[]")]
    return []
