"""Keys at the foot of a figure: marks with names, flowing over as many lines as they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from study.report.colours import INK, ArmStyle, model_style, style
from study.report.figures import names, sheet

LINE_MM = 4.2
_MARK_MM, _ONLY_MARK_MM = 9.0, 3.6
_GAP_MM = 5.0
_WIDEST_MM = 62.0


def arm_key_mm(arms: Sequence[str], arm_names: Mapping[str, str], *, width: float, lines: bool = True) -> float:
    """Height of the key of these arms, in millimetres."""
    return len(_rows(arms, arm_names, width, _mark_mm(lines))) * LINE_MM


def arm_key(
    paper: Axes,
    arms: Sequence[str],
    arm_names: Mapping[str, str],
    *,
    left: float,
    top: float,
    width: float,
    lines: bool = True,
) -> Axes:
    """Each arm's mark (on its line, unless `lines` is False) and name; styles by place in `arms`."""
    mark_mm = _mark_mm(lines)
    y = top + LINE_MM / 2
    for row in _rows(arms, arm_names, width, mark_mm):
        x = left
        for i, text in row:
            look = style(i)
            if lines:
                paper.plot([x, x + mark_mm - 1.5], [y, y], color=look.colour, ls=look.dash, lw=1.2)
            draw_mark(paper, x + (mark_mm - 1.5) / 2, y, look)
            sheet.write(paper, x + mark_mm, y, text, size=7.0)
            x += _advance(text, mark_mm)
        y += LINE_MM
    return paper


def draw_mark(axes: Axes, x: float, y: float, look: ArmStyle, *, size: float = 4.2) -> Axes:
    """The mark of an arm: filled with a white edge, or open."""
    edge, line = ("#ffffff", 0.5) if look.filled else (look.colour, 0.9)
    axes.plot([x], [y], look.marker, ms=size, mfc=look.face, mec=edge, mew=line, zorder=4)
    return axes


def draw_line(axes: Axes, x: Sequence[float], y: Sequence[float], place: int) -> Axes:
    """The line of the arm at this place, with one mark, further right for every arm so that none hides another."""
    look = style(place)
    axes.plot(x, y, color=look.colour, ls=look.dash, lw=1.2, zorder=2)
    at = min(len(x) - 1, round((0.2 + 0.13 * (place % 6)) * (len(x) - 1)))
    return draw_mark(axes, x[at], y[at], look)


def _mark_mm(lines: bool) -> float:
    return _MARK_MM if lines else _ONLY_MARK_MM


def _advance(text: str, mark_mm: float) -> float:
    return mark_mm + sheet.width_of(text, size=7.0) + _GAP_MM


def _rows(
    arms: Sequence[str], arm_names: Mapping[str, str], width: float, mark_mm: float
) -> list[list[tuple[int, str]]]:
    """Places and names of the arms, flowing over lines of this width."""
    texts = [sheet.fit(names.arm(arm_names, each), min(_WIDEST_MM, width) - mark_mm, size=7.0) for each in arms]
    rows: list[list[tuple[int, str]]] = [[]]
    used = 0.0
    for i, text in enumerate(texts):
        if rows[-1] and used + _advance(text, mark_mm) - _GAP_MM > width:
            rows.append([])
            used = 0.0
        rows[-1].append((i, text))
        used += _advance(text, mark_mm)
    return rows


def model_key(paper: Axes, models: Sequence[str], *, left: float, y: float) -> float:
    """Each model's mark and name on one line; returns where it ends, in millimetres."""
    x = left
    for i, model in enumerate(models):
        look = model_style(i)
        text = sheet.fit(model, 30.0, size=7.0)
        paper.plot([x + 1], [y], look.marker, ms=4.0, mfc=look.face, mec=INK, mew=0.8)
        sheet.write(paper, x + 3, y, text, size=7.0)
        x += 3 + sheet.width_of(text, size=7.0) + _GAP_MM
    return x - _GAP_MM
