"""The critical-difference diagram: names do not collide, bars join what is not told apart, controls are open."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from conftest import Drawn

from study.records import Ranking
from study.registry import ATTRIBUTIONS
from study.report import figures
from study.report.figures.rank_plot import _stacked

CONTROLS = tuple(label for label in ATTRIBUTIONS if ATTRIBUTIONS[label].control)


def ranking(
    labels: tuple[str, ...],
    ranks: tuple[float, ...],
    difference: float | None,
    groups: tuple[tuple[str, ...], ...] = (),
) -> Ranking:
    return Ranking(
        "vit_small",
        "baseline",
        "ehr",
        labels,
        ranks,
        tuple(1.0 / rank for rank in ranks),
        n_blocks=60,
        n_runs=3,
        chi2=50.0,
        p_value=1e-6,
        critical_difference=difference,
        groups=groups,
        above_control={},
    )


def crowded(n: int, *, tied: bool = False) -> Ranking:
    """n maps, most of them in the middle of the axis, or all in one place."""
    labels = (*ATTRIBUTIONS, *(f"a_method_with_a_very_long_name_{i}[layer=blocks.{i}]" for i in range(30)))[:n]
    spread = np.tanh(np.linspace(-2, 2, n)) * 0.3 * (0 if tied else 1)
    ranks = tuple(float(value) for value in (n + 1) / 2 + spread * (n - 1))
    order = [labels[i] for i in np.argsort(ranks, kind="stable")]
    groups = tuple(tuple(order[i : i + 5]) for i in range(0, n - 4, 2))
    return ranking(labels, ranks, 0.2 * n, groups)


@pytest.mark.parametrize("n", [2, 5, 23, 40])
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_names_stay_inside_and_do_not_collide(n: int, tied: bool, language: str, drawn: list[Drawn]) -> None:
    assert figures.ranks(crowded(n, tied=tied), CONTROLS, language)  # type: ignore[arg-type]
    assert drawn[0].outside() == []
    assert drawn[0].overlapping() == []
    width, height = (side * 25.4 / 72 for side in drawn[0].size)
    assert round(width) == 180
    assert height < (100 if n < 24 else 160)


def test_best_ranks_stand_left_from_the_top_and_worst_right_from_the_top(drawn: list[Drawn]) -> None:
    labels = ("iba", "gradcam", "saliency", "control_random")
    figures.ranks(ranking(labels, (2.0, 1.0, 3.0, 4.0), 0.5), CONTROLS)
    boxes = dict(drawn[0].texts)
    assert boxes["Grad-CAM"].y0 > boxes["IBA"].y0
    assert boxes["Grad-CAM"].x1 < boxes["Saliency"].x0
    assert boxes["Random map"].y0 == pytest.approx(boxes["Grad-CAM"].y0, abs=1.5)
    assert boxes["Random map"].y0 > boxes["Saliency"].y0
    assert {"1.00", "2.00", "3.00", "4.00", "critical difference 0.50"} <= set(boxes)


def test_controls_are_open_and_names_close_to_the_best_semibold() -> None:
    svg = figures.ranks(ranking(("gradcam", "iba", "control_random"), (1.0, 1.4, 2.6), 0.5), CONTROLS)
    assert svg is not None
    weights = {
        name: re.search(rf'<text[^>]*style="([^"]*)"[^>]*>{name}</text>', svg).group(1)  # type: ignore[union-attr]
        for name in ("Grad-CAM", "IBA", "Random map")
    }
    assert "600" in weights["Grad-CAM"]
    assert "600" in weights["IBA"]
    assert "600" not in weights["Random map"]
    assert svg.count("fill: #ffffff") == 1


def test_a_difference_of_exactly_the_critical_difference_is_not_semibold() -> None:
    svg = figures.ranks(ranking(("gradcam", "iba", "saliency"), (1.0, 1.5, 3.0), 0.5), CONTROLS)
    assert svg is not None
    style = re.search(r'<text[^>]*style="([^"]*)"[^>]*>IBA</text>', svg)
    assert style is not None
    assert "600" not in style.group(1)


def test_bars_share_a_level_where_they_leave_a_gap_and_every_group_has_one() -> None:
    places = {"a": 0.0, "b": 10.0, "c": 20.0, "d": 30.0}
    assert _stacked([("a", "b"), ("b", "c"), ("c", "d")], places) == [
        [(0.0, 10.0), (20.0, 30.0)],
        [(10.0, 20.0)],
    ]
    levels = _stacked(crowded(23).groups, {label: float(i) for i, label in enumerate(crowded(23).attributions)})
    assert sum(map(len, levels)) == len(crowded(23).groups)
    assert all(one[1] < two[0] for level in levels for one, two in pairwise(level))


def test_a_critical_difference_longer_than_the_axis_has_its_number_and_no_ruler(drawn: list[Drawn]) -> None:
    long, short = (
        figures.ranks(ranking(("gradcam", "iba", "saliency"), (1.2, 2.0, 2.8), cd), CONTROLS) for cd in (3, 1)
    )
    assert long is not None
    assert short is not None
    assert "critical difference 3.00" in [text for text, _ in drawn[0].texts]
    assert short.count("<path") - long.count("<path") == 3


def test_one_map_or_no_critical_difference_draws_nothing() -> None:
    assert figures.ranks(ranking(("gradcam",), (1.0,), 1.0), CONTROLS) is None
    assert figures.ranks(ranking(("gradcam", "iba"), (1.0, 2.0), None), CONTROLS) is None


def test_the_same_ranking_gives_the_same_bytes() -> None:
    assert figures.ranks(crowded(12), CONTROLS) == figures.ranks(crowded(12), CONTROLS)
