"""Critical-difference diagram: which attribution methods the ranks of one metric tell apart.

Reference: Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006, figure 1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from matplotlib.axes import Axes

from study.records import Ranking
from study.report import numbers
from study.report.colours import INK, SECONDARY, TEXT
from study.report.figures import names, sheet
from study.report.figures.wording import Language, say

_WIDEST_MM, _ELBOW_MM = 60.0, 3.0
_HEAD_MM, _BAR_MM, _ROW_MM, _FOOT_MM = 14.5, 1.5, 3.9, 1.5
_GAP_MM = 2.6
_AFTER_BAR_MM = 0.9
_LABEL_SIZE = 7.0


class Spot(NamedTuple):
    """One map on the axis: its rank, and its place in millimetres."""

    label: str
    rank: float
    x: float


def ranks(
    ranking: Ranking, controls: Collection[str], lang: Language = "en", of: Literal["maps", "arms"] = "maps"
) -> str | None:
    """Average ranks on an axis, names left and right of it, bars over methods that are not told apart.

    Controls are open marks and written in grey; names in semibold are the best one and those within the
    critical difference of it.

    Args:
        ranking: of one arm, model and metric.
        controls: labels of the attributions that are controls.
        lang: of the words.
        of: what is ranked, for readers who do not see the figure.

    Returns:
        An SVG 180 mm wide, or None without two methods or without a critical difference.
    """
    if len(ranking.attributions) < 2 or ranking.critical_difference is None:
        return None
    side = _side_mm(ranking, lang)
    spots = _spots(ranking, side)
    bars = _stacked(ranking.groups, {spot.label: spot.x for spot in spots})
    half = -(-len(spots) // 2)
    top = _HEAD_MM + _GAP_MM + len(bars) * _BAR_MM + _GAP_MM
    with sheet.style():
        figure, paper = sheet.page(sheet.FULL_MM, top + half * _ROW_MM + _FOOT_MM)
        _draw_axis(paper, len(spots), ranking.critical_difference, side=side, lang=lang)
        close = {spot.label for spot in spots if spot.rank - spots[0].rank < ranking.critical_difference}
        for i, spot in enumerate(spots):
            row = i if i < half else len(spots) - 1 - i
            _draw_spot(
                paper,
                spot,
                top + (row + 0.5) * _ROW_MM,
                end=side if i < half else sheet.FULL_MM - side,
                control=spot.label in controls,
                close=spot.label in close,
                lang=lang,
            )
        for i, level in enumerate(bars):
            for low, high in level:
                y = _HEAD_MM + _GAP_MM + i * _BAR_MM
                paper.plot([low - 0.7, high + 0.7], [y, y], color=INK, lw=2.2, zorder=5)
        return sheet.svg(figure, "ranks", say(f"label.ranks.{of}", lang))


def _side_mm(ranking: Ranking, lang: Language) -> float:
    """Room for names and ranks on either side: as much as the longest needs, within limits."""
    words = say("rank.axis", "en"), say("rank.axis", "ko")
    named = [
        sheet.width_of(names.attribution(label, lang), size=_LABEL_SIZE, weight="semibold") + 12.0
        for label in ranking.attributions
    ]
    return min(_WIDEST_MM, max(*named, *(sheet.width_of(each, size=sheet.SMALL) + 4.0 for each in words)))


def _spots(ranking: Ranking, side: float) -> list[Spot]:
    """Maps from best to worst."""
    pairs = sorted(zip(ranking.average_ranks, ranking.attributions, strict=True), key=lambda pair: pair[0])
    return [Spot(label, rank, _x(rank, len(pairs), side)) for rank, label in pairs]


def _x(rank: float, n: int, side: float) -> float:
    """Rank 1 on the left, n on the right."""
    left, right = side + _ELBOW_MM, sheet.FULL_MM - side - _ELBOW_MM
    return left + (rank - 1) / (n - 1) * (right - left)


Bar = tuple[float, float]


def _stacked(groups: Sequence[Sequence[str]], places: dict[str, float]) -> list[list[Bar]]:
    """The bars of all groups in as few levels as leave a gap between neighbours."""
    levels: list[list[Bar]] = []
    for group in groups:
        across = [places[label] for label in group if label in places]
        if len(across) < 2:
            continue
        low, high = min(across), max(across)
        level = next((level for level in levels if level[-1][1] + 2 * _AFTER_BAR_MM + 1 < low), None)
        if level is None:
            levels.append([(low, high)])
        else:
            level.append((low, high))
    return levels


def _draw_axis(paper: Axes, n: int, difference: float, *, side: float, lang: Language) -> None:
    """The axis with its whole ranks, and above it how long the critical difference is."""
    left, right = _x(1, n, side), _x(n, n, side)
    paper.plot([left, right], [_HEAD_MM, _HEAD_MM], color=INK, lw=0.8)
    step = next(step for step in (1, 2, 5, 10, 20, 50) if (n - 1) / step <= 12)
    for rank in [1, *(rank for rank in range(step, n + 1, step) if rank > 1 + step / 2)]:
        x = _x(rank, n, side)
        paper.plot([x, x], [_HEAD_MM - 1.3, _HEAD_MM], color=INK, lw=0.6)
        sheet.write(paper, x, _HEAD_MM - 3.2, str(rank), size=6.8, ha="center")
    sheet.note(paper, left - 4.5, _HEAD_MM - 3.2, say("rank.axis", lang), ha="right")
    sheet.note(paper, left, 2.6, say("rank.difference", lang, value=numbers.fixed(difference, 2)))
    end = _x(1 + difference, n, side)
    if end <= right:
        paper.plot([left, end], [6.0, 6.0], color=INK, lw=1.2)
        for x in (left, end):
            paper.plot([x, x], [5.2, 6.8], color=INK, lw=0.8)


def _draw_spot(paper: Axes, spot: Spot, y: float, *, end: float, control: bool, close: bool, lang: Language) -> None:
    """A mark on the axis, an elbow from it to the side, and there its name and rank."""
    left = end < sheet.FULL_MM / 2
    margin = end if left else sheet.FULL_MM - end
    paper.plot([spot.x, spot.x, end], [_HEAD_MM, y, y], color="#9a9a9a", lw=0.5, zorder=1)
    fill = "#ffffff" if control else INK
    paper.plot([spot.x], [_HEAD_MM], "o", ms=3.6, mfc=fill, mec=INK, mew=0.8, zorder=6)
    rank = numbers.fixed(spot.rank, 2)
    room = margin - sheet.width_of(rank, size=_LABEL_SIZE) - 4.0
    weight: sheet.Weight = "semibold" if close else "regular"
    name = sheet.fit(names.attribution(spot.label, lang), room, size=_LABEL_SIZE, weight=weight)
    colour = SECONDARY if control else TEXT
    side = -1.0 if left else 1.0
    across: sheet.Across = "right" if left else "left"
    sheet.write(paper, end + side * 1.0, y, rank, size=_LABEL_SIZE, ha=across, colour=SECONDARY)
    start = end + side * (2.6 + sheet.width_of(rank, size=_LABEL_SIZE))
    sheet.write(paper, start, y, name, size=_LABEL_SIZE, ha=across, colour=colour, weight=weight)
