"""The paper the figures are drawn on: millimetres, the report's font, and clean SVG.

Figures are `matplotlib.figure.Figure` objects outside pyplot, so nothing stays open and no
global setting moves: settings hold inside `style()` only. Text stays text, ids carry the
figure's name (equal ids on one page clip the wrong figure, matplotlib/matplotlib#4349) and
the same records give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

from study.report.colours import INK, SECONDARY, TEXT

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

FULL_MM = 180.0
HALF_MM = 87.0
THIRD_MM = 58.0
TALLEST_MM = 235.0
"""What fits on an A4 page with its caption."""
MM_PER_INCH = 25.4
MM_PER_POINT = MM_PER_INCH / 72
SIZE = 7.4
SMALL = 6.8
LINE = 1.193
"""Height of a line of the font, in text sizes; matplotlib takes it from the font too."""

Weight = Literal["regular", "semibold", "bold"]
Across = Literal["left", "center", "right"]

FAMILY = "Study Sans"
_FONTS = Path(__file__).parents[1] / "fonts"
_SETTINGS: dict[RcKeyType, Any] = {
    "font.family": [FAMILY],
    "font.size": SIZE,
    "text.color": TEXT,
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.labelsize": SIZE,
    "axes.labelpad": 2.5,
    "axes.titlesize": 7.8,
    "axes.titleweight": "semibold",
    "axes.titlelocation": "left",
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.solid_capstyle": "butt",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.dpi": 300,
    "svg.fonttype": "none",
    "svg.hashsalt": "study",
}


@contextmanager
def style() -> Iterator[None]:
    """Settings and font of all figures; drawing and saving happen inside."""
    _add_fonts()
    with mpl.rc_context():
        mpl.rcdefaults()  # a user's own matplotlibrc must not change a report
        mpl.rcParams.update(_SETTINGS)
        yield


@lru_cache(maxsize=1)
def _add_fonts() -> None:
    for path in sorted(_FONTS.glob("StudySans-*.ttf")):
        font_manager.fontManager.addfont(path)


def page(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of this size and, over all of it, axes in millimetres with y growing downwards."""
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    paper = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    paper.set_axis_off()
    paper.set_xlim(0, width)
    paper.set_ylim(height, 0)
    return figure, paper


def panel(figure: Figure, left: float, top: float, *, width: float, height: float) -> Axes:
    """Axes at this place of the figure, in millimetres from its upper left corner."""
    across, down = figure.get_size_inches() * MM_PER_INCH
    return figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))


def svg(figure: Figure, name: str, label: str) -> str:
    """The figure as one `<svg>` element for a page: no header, no date, ids of its own.

    Ids start with the name and a hash of the figure, so that figures of one kind do not share any.

    Args:
        figure: finished; drawn once and thrown away.
        name: of the figure, in letters, digits and hyphens.
        label: what the figure shows, for readers who do not see it.
    """
    sink = io.StringIO()
    figure.savefig(sink, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = sink.getvalue()
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"\s*<style[^>]*>.*?</style>", "", text, count=1, flags=re.DOTALL)
    prefix = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    text = re.sub(r"<[A-Za-z][^<>]*>", lambda tag: _tag(tag[0], prefix), text)
    opening = f'<svg role="img" aria-label="{_quoted(label)}" style="stroke-linejoin:round;stroke-linecap:butt"'
    return opening + text.removeprefix("<svg").rstrip()


def _tag(tag: str, prefix: str) -> str:
    """Ids and references with the figure's prefix, coordinates with two decimals of a point."""
    tag = re.sub(r'\bid="([^"]*)"', rf'id="{prefix}-\1"', tag)
    tag = re.sub(r'href="#([^"]*)"', rf'href="#{prefix}-\1"', tag)
    tag = re.sub(r"url\(#([^)]*)\)", rf"url(#{prefix}-\1)", tag)
    if tag.startswith(("<path", "<use")):
        tag = re.sub(r'\b(d|x|y)="([^"]*)"', lambda found: f'{found[1]}="{_short(found[2])}"', tag)
    return tag


def _short(numbers: str) -> str:
    return re.sub(r"(\.\d\d)\d+", r"\1", " ".join(numbers.split()))


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def write(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float = SIZE,
    weight: Weight = "regular",
    colour: str = TEXT,
    ha: Across = "left",
    va: Literal["top", "center", "bottom", "baseline"] = "center",
    **placing: Any,
) -> Text:
    """Text at a place of the axes, on as many lines as it has."""
    return axes.text(
        x, y, text, fontsize=size, fontweight=weight, color=colour, ha=ha, va=va, linespacing=1.0, **placing
    )


def note(axes: Axes, x: float, y: float, text: str, **how: Any) -> Text:
    """Small text in the secondary colour."""
    return write(axes, x, y, text, **{"size": SMALL, "colour": SECONDARY, **how})


def width_of(text: str, *, size: float = SIZE, weight: Weight = "regular") -> float:
    """Width of the longest line, in millimetres."""
    return max((_width(line, weight) for line in text.split("\n")), default=0.0) * size * MM_PER_POINT


@lru_cache(maxsize=20_000)
def _width(line: str, weight: Weight) -> float:
    """Width of one line at size 1."""
    _add_fonts()
    font = font_manager.FontProperties(family=[FAMILY], weight=weight, size=100)
    width, _, _ = text_to_path.get_text_width_height_descent(line, font, ismath=False)
    return float(width) / 100


def fit(text: str, width: float, *, size: float = SIZE, weight: Weight = "regular", lines: int = 1) -> str:
    """The text wrapped to at most `lines` lines of `width` millimetres; what is left over becomes `…`.

    Lines break at spaces, else behind `_`, `-` or `/`, else anywhere.
    """
    rest = drawable(text)
    rows: list[str] = []
    while rest and len(rows) < lines:
        n = _longest(rest, width, size, weight)
        if n < len(rest) and len(rows) == lines - 1:
            n = _longest(rest, width - width_of("…", size=size, weight=weight), size, weight)
            return "\n".join([*rows, rest[:n].rstrip() + "…"])
        if n < len(rest):
            n = _break(rest, n)
        rows.append(rest[:n].rstrip())
        rest = rest[n:].lstrip()
    return "\n".join(rows)


def _longest(text: str, width: float, size: float, weight: Weight) -> int:
    """How many characters fit, at least one."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(text[:middle].rstrip(), size=size, weight=weight) <= width:
            low = middle
        else:
            high = middle - 1
    return low


def _break(text: str, n: int) -> int:
    """Where to break a text of which `n` characters fit."""
    if text[n] == " ":
        return n
    at_space = text.rfind(" ", 0, n)
    if at_space > 0:
        return at_space
    behind = max(text.rfind(sign, 0, n) for sign in "_-/")
    return behind + 1 if behind > 0 else n


def drawable(text: str) -> str:
    """The text in one line, with characters the font does not have as `□`."""
    known = _characters()
    return "".join(sign if ord(sign) in known else "□" for sign in " ".join(text.split()))


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    return frozenset(font_manager.get_font(str(_FONTS / "StudySans-Regular.ttf")).get_charmap())


def height_of(text: str, size: float = SIZE) -> float:
    """Height of all lines, in millimetres."""
    return (text.count("\n") + 1) * size * LINE * MM_PER_POINT
