"""Perturbation curves: above the curves of all arms, below what differs from the reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.records import CurveSummary, Design
from study.report.colours import INK, MODELS_ONLY, style
from study.report.figures import names, scale, sheet
from study.report.figures.key import arm_key, arm_key_mm, draw_line, draw_mark
from study.report.figures.wording import Language, say

_TITLES = {
    "insertion_morf": ("insertion_morf", "inserted"),
    "insertion": ("insertion_morf", "inserted"),
    "deletion_morf": ("deletion_morf", "removed"),
    "deletion": ("deletion_morf", "removed"),
    "deletion_lerf": ("deletion_lerf", "removed"),
    "insertion_lerf": ("insertion_lerf", "inserted"),
}
"""Curve -> its title among the words of figures, and what happens to the pixels."""
_HEAD_MM, _CURVES_MM, _GAP_MM, _FOOT_MM = 5.5, 29.0, 3.0, 9.5
_DIFFERENCE_MM = 19.0
_STEPS_MM = 7.6, 13.0, 72.0
"""Of the small panels: the least and the largest distance, and what all of them together should need."""
_LEFT_MM, _RIGHT_MM, _BETWEEN_MM = 14.5, 3.0, 6.0
_APART_MM = 1.5
_LOW_MM = 10.0
"""Panels closer than this have room for one number only."""
_TOGETHER = 6
"""More arms than this get a panel each for their difference."""

Place = tuple[float, float]


class Group(NamedTuple):
    """Curves that belong in one block."""

    model: str
    attribution: str


def curves(
    summaries: Sequence[CurveSummary], design: Design, arm_names: Mapping[str, str], lang: Language = "en"
) -> str | None:
    """One block per model and attribution: a column per curve, below it the difference from the reference.

    Four curves of an honest study lie on top of each other: the lower row, with its pointwise 95% band on
    the same images, is the figure. More than six arms get one small panel each there.

    Args:
        summaries: of any arms, models, attributions; give those of one model and attribution for a
            figure of one block. Controls are not drawn.
        design: order of arms, and the reference.
        arm_names: label -> name for people.
        lang: of the words; `both` is drawn in English.

    Returns:
        An SVG 180 mm wide, or None without curves. Blocks that do not fit on a page are counted at its foot.
    """
    summaries = [each for each in summaries if each.attribution not in design.controls and len(each.mean)]
    groups = sorted(
        {Group(each.model, each.attribution) for each in summaries}, key=lambda group: _order(group, design)
    )
    if not groups:
        return None
    others = [arm for arm in design.arms if arm != design.reference]
    with sheet.style():
        key_mm = arm_key_mm(design.arms, arm_names, width=sheet.FULL_MM - _LEFT_MM)
        block_mm = _block_mm(len(others))
        shown = groups[: max(1, int((sheet.TALLEST_MM - key_mm) // block_mm))]
        figure, paper = sheet.page(sheet.FULL_MM, len(shown) * block_mm + key_mm + (4 if shown != groups else 0.5))
        for i, group in enumerate(shown):
            mine = [each for each in summaries if Group(each.model, each.attribution) == group]
            sheet.note(
                paper, 0, i * block_mm + 1.8, f"{sheet.fit(names.attribution(group.attribution), 80)}, {group.model}"
            )
            _draw_group(figure, paper, mine, design=design, arm_names=arm_names, top=i * block_mm + 3.5, lang=lang)
        _draw_key(paper, design, arm_names, len(shown) * block_mm)
        if shown != groups:
            more = say("more blocks", lang, n=str(len(groups) - len(shown)))
            sheet.note(paper, _LEFT_MM, paper.get_ylim()[0] - 2, more)
        return sheet.svg(figure, "curves", say("label.curves", lang))


def _order(group: Group, design: Design) -> tuple[int, int, Group]:
    def place(name: str, known: Sequence[str]) -> int:
        return known.index(name) if name in known else len(known)

    return place(group.model, design.models), place(group.attribution, design.attributions), group


def _block_mm(n_others: int) -> float:
    rows = n_others * _step_mm(n_others) if n_others >= _TOGETHER else _DIFFERENCE_MM if n_others else 0.0
    return 3.5 + _HEAD_MM + _CURVES_MM + _GAP_MM + rows + _FOOT_MM


def _step_mm(n_others: int) -> float:
    """Distance of the small panels: as many as there are must stand on a page with their key."""
    least, largest, together = _STEPS_MM
    return max(least, min(largest, together / n_others))


def _thin(axes: Axes) -> None:
    """Of the numbers on the vertical axis only the one farthest from 0, where a line is."""
    places = list(axes.get_yticks())
    labels = [label.get_text() for label in axes.get_yticklabels()]
    far = max(places, key=abs, default=0.0)
    axes.set_yticks(places, [label if y == far else "" for y, label in zip(places, labels, strict=True)])


def _draw_key(paper: Axes, design: Design, arm_names: Mapping[str, str], top: float) -> None:
    arm_key(paper, design.arms, arm_names, left=_LEFT_MM, top=top, width=sheet.FULL_MM - _LEFT_MM)


def _draw_group(
    figure: Figure,
    paper: Axes,
    summaries: Sequence[CurveSummary],
    *,
    design: Design,
    arm_names: Mapping[str, str],
    top: float,
    lang: Language,
) -> None:
    found = list(dict.fromkeys(each.curve for each in summaries))
    kinds = sorted(found, key=lambda kind: list(_TITLES).index(_base(kind)) if _base(kind) in _TITLES else len(_TITLES))
    room = sheet.FULL_MM - _LEFT_MM - _RIGHT_MM
    width = min(80.0, (room - _BETWEEN_MM * (len(kinds) - 1)) / len(kinds))
    differences = scale.around_zero(_bands(summaries))
    for column, kind in enumerate(kinds):
        place = _LEFT_MM + column * (width + _BETWEEN_MM), width
        title, verb = _TITLES.get(_base(kind), (kind, "changed"))
        title = say(title, lang) if _base(kind) in _TITLES else title
        mine = {each.arm: each for each in summaries if each.curve == kind}
        head = sheet.fit(title + kind[len(_base(kind)) :], width, size=7.8, weight="semibold")
        sheet.write(paper, place[0], top + 2.6, head, size=7.8, weight="semibold")
        axes = sheet.panel(figure, place[0], top + _HEAD_MM, width=width, height=_CURVES_MM)
        draw_curves(axes, mine, design)
        panels = _difference_panels(figure, mine, design, place=place, top=top + _HEAD_MM + _CURVES_MM + _GAP_MM)
        for each in panels:
            each.set_ylim(*differences)
            scale.ticks(each.yaxis, differences, n=4 if len(panels) == 1 else 2, signed=True)
            if len(panels) > 1 and _step_mm(len(panels)) < _LOW_MM:
                _thin(each)
        _across([axes, *panels], say(f"pixels {verb}", lang))
        if column:
            for each in (axes, *panels):
                each.set_yticklabels([])
    _ordinates(paper, design, arm_names, top, lang)


def _base(kind: str) -> str:
    return kind.partition("[")[0]


def _bands(summaries: Iterable[CurveSummary]) -> Iterable[float]:
    for each in summaries:
        yield from (*_known(each.difference_low), *_known(each.difference_high), *_known(each.difference))


def _known(values: Iterable[float | None]) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]


def draw_curves(axes: Axes, summaries: Mapping[str, CurveSummary], design: Design) -> Axes:
    """The curves of all arms; many arms are thin and grey, the reference stays black."""
    many = len(design.arms) > _TOGETHER
    for i, arm in enumerate(design.arms):
        if arm not in summaries:
            continue
        each = summaries[arm]
        if many and arm != design.reference:
            axes.plot(each.fractions, _known(each.mean), color=MODELS_ONLY, lw=0.6, zorder=1)
        else:
            draw_line(axes, each.fractions, _known(each.mean), i)
    axes.set_ylim(0, 1)
    scale.ticks(axes.yaxis, (0, 1), n=5)
    return axes


def _difference_panels(
    figure: Figure, summaries: Mapping[str, CurveSummary], design: Design, *, place: Place, top: float
) -> list[Axes]:
    """One panel for all arms, or one per arm where there are more than six."""
    others = [arm for arm in design.arms if arm != design.reference]
    if not others:
        return []
    if len(others) < _TOGETHER:
        return [
            draw_differences(
                sheet.panel(figure, place[0], top, width=place[1], height=_DIFFERENCE_MM), summaries, design, others
            )
        ]
    step = _step_mm(len(others))
    return [
        draw_differences(
            sheet.panel(figure, place[0], top + i * step, width=place[1], height=step - _APART_MM),
            summaries,
            design,
            [arm],
        )
        for i, arm in enumerate(others)
    ]


def draw_differences(axes: Axes, summaries: Mapping[str, CurveSummary], design: Design, arms: Sequence[str]) -> Axes:
    """Difference from the reference with its pointwise band, for these arms."""
    axes.axhline(0, color=INK, lw=0.9, zorder=1)
    for arm in arms:
        each = summaries.get(arm)
        if each is None or not len(each.difference):
            continue
        i = design.arms.index(arm)
        look = style(i)
        band = _known(each.difference_low), _known(each.difference_high)
        axes.fill_between(each.fractions, *band, color=look.colour, alpha=0.16, lw=0, zorder=0)
        draw_line(axes, each.fractions, _known(each.difference), i)
    return axes


def _across(column: Sequence[Axes], label: str) -> None:
    """Share of pixels on the lowest axis of a column only."""
    for axes in column:
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], [])
    column[-1].set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    column[-1].set_xlabel(label)


def _ordinates(paper: Axes, design: Design, arm_names: Mapping[str, str], top: float, lang: Language) -> None:
    """What the vertical axes measure; with a panel per arm, the arm's mark beside its panel."""
    others = [arm for arm in design.arms if arm != design.reference]
    middle = top + _HEAD_MM + _CURVES_MM / 2
    sheet.write(paper, 2.1, middle, say("p(target class)", lang), ha="center", rotation=90)
    below = top + _HEAD_MM + _CURVES_MM + _GAP_MM
    if others and len(others) < _TOGETHER:
        width = _DIFFERENCE_MM + 6
        words = sheet.fit(say("minus", lang, arm=names.arm(arm_names, design.reference)), width)
        sheet.write(paper, 2.1, below + _DIFFERENCE_MM / 2, words, ha="center", rotation=90)
        return
    for i, arm in enumerate(others):
        look = style(design.arms.index(arm))
        y = below + (i + 0.5) * _step_mm(len(others)) - _APART_MM / 2
        draw_mark(paper, 1.8, y, look)
