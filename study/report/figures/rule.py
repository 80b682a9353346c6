"""The verdict rule as a picture: one example interval per row of it."""

from __future__ import annotations

from typing import NamedTuple

from matplotlib.axes import Axes

from study.report import numbers
from study.report.colours import BAND, HAIRLINE, INK, VERDICT_FILL
from study.report.figures import sheet
from study.report.figures.wording import WORDS, Language, say

_HEAD_MM, _ROW_MM = 5.6, 6.1
_P, _INTERVAL, _PLOT, _PLOT_WIDTH, _VERDICT, _OTHER = 0.0, 15.0, 66.0, 56.0, 125.0, 164.0

_REACH = 2.15
"""Half the width of the picture, in margins."""


class Example(NamedTuple):
    """A made-up interval in units of the margin, and what it leads to."""

    below_alpha: bool | None
    estimate: float
    half: float
    mark: str
    rule: str
    says: str


_EXAMPLES = (
    Example(True, 0.50, 0.38, "grey", "rule.inside", "says.within"),
    Example(True, 1.55, 0.42, "black", "rule.beyond", "says.beyond"),
    Example(True, 0.90, 0.72, "black", "rule.differs", "says.differs"),
    Example(False, 0.10, 0.70, "grey", "rule.inside", "says.equivalent"),
    Example(False, 0.50, 0.95, "white", "rule.else", "says.inconclusive"),
    Example(True, -0.90, 0.66, "black", "rule.mirror", "says.mirror"),
    Example(None, 0.0, 0.0, "none", "rule.missing", "says.missing"),
)


def verdict_rule(lang: Language = "en", *, alpha: float = 0.05) -> str:
    """How a verdict is reached, first row that fits; thin 95% interval, thick 90%.

    Args:
        lang: `both` adds the Korean verdicts beside the English ones.
        alpha: level of the tests.

    Returns:
        An SVG 180 mm wide.
    """
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, _HEAD_MM + len(_EXAMPLES) * _ROW_MM)
        _draw_heads(paper, lang)
        axes = sheet.panel(figure, _PLOT, _HEAD_MM, width=_PLOT_WIDTH, height=len(_EXAMPLES) * _ROW_MM)
        draw_examples(axes)
        for i, example in enumerate(_EXAMPLES):
            y = _HEAD_MM + (i + 0.5) * _ROW_MM
            if i:
                paper.plot([0, sheet.FULL_MM], [y - _ROW_MM / 2] * 2, color=HAIRLINE, lw=0.5)
            signs = {True: "<", False: "≥", None: ""}[example.below_alpha]
            sheet.write(paper, _P, y, f"{signs} {numbers.plain(alpha)}" if signs else numbers.MISSING)
            sheet.write(paper, _INTERVAL, y, say(example.rule, lang))
            width = (_OTHER if lang == "both" else sheet.FULL_MM) - _VERDICT - 1
            words = sheet.fit(say(example.says, lang), width, weight="semibold")
            sheet.write(paper, _VERDICT, y, words, weight="semibold")
            if lang == "both":
                sheet.write(paper, _OTHER, y, WORDS[example.says].ko, size=7.0, colour="#444444")
        return sheet.svg(figure, "verdict-rule", say("label.rule", lang))


def _draw_heads(paper: Axes, lang: Language) -> None:
    y = _HEAD_MM - 2.6
    heads = (
        (_P, say("p adj.", lang)),
        (_INTERVAL, say("interval", lang)),
        (_VERDICT, say("verdict", lang)),
    )
    for x, head in heads:
        sheet.note(paper, x, y, head)
    for place, words in ((-1, say("margin-", lang)), (0, "0"), (1, say("margin+", lang))):
        x = _PLOT + _PLOT_WIDTH * (0.5 + place / (2 * _REACH))
        sheet.note(paper, x, y, words, ha="center", weight="regular" if place else "semibold")


def draw_examples(axes: Axes) -> Axes:
    """The intervals, in units of the margin, with zero and the margin band."""
    axes.set_xlim(-_REACH, _REACH)
    axes.set_ylim(len(_EXAMPLES) - 0.5, -0.5)
    axes.set_axis_off()
    axes.axvspan(-1, 1, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color="#333333", lw=0.9, zorder=1)
    for i, example in enumerate(_EXAMPLES):
        if example.mark == "none":
            continue
        low, high = example.estimate - example.half, example.estimate + example.half
        axes.plot([low, high], [i, i], color=INK, lw=1, zorder=2)
        for end in (low, high):
            axes.plot([end, end], [i - 0.15, i + 0.15], color=INK, lw=1, zorder=2)
        inner = 0.82 * example.half
        axes.plot([example.estimate - inner, example.estimate + inner], [i, i], color=INK, lw=3.2, zorder=2)
        fill = VERDICT_FILL[example.mark]
        axes.plot([example.estimate], [i], "s", ms=5.6, mfc=fill, mec="#111111", mew=0.9, zorder=3)
    return axes
