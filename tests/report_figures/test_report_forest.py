"""The forest plot: what is drawn for each finding, and which way is better."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from conftest import METRICS, Drawn, MadeUp
from matplotlib.axes import Axes

from study.records import Finding
from study.report import figures
from study.report.figures import forest_plot, sheet
from study.report.terms import Text


def texts(figure: Drawn) -> list[str]:
    return [text for text, _ in figure.texts]


def place(figure: Drawn, text: str) -> float:
    return next(box.x0 for found, box in figure.texts if found == text)


def draw(study: MadeUp, **change: object) -> str | None:
    given = {"findings": study.findings, "verdicts": study.verdicts, **change}
    return figures.forest(
        given["findings"], study.seed_differences, given["verdicts"], study.names, METRICS, str(given.get("lang", "en"))
    )


def test_a_row_says_contrast_model_estimate_interval_p_and_verdict(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    finding = replace(study.findings[0], estimate=0.0441, ci_low=0.0318, ci_high=0.0569, p_adjusted=0.0002)
    draw(study, findings=[finding])
    assert {
        "Q1",
        "MAE random − baseline",
        "ViT-S/16",
        "+0.044",
        "+0.032 to +0.057",
        "< 0.001",
        "better, ≥ 0.02",
    } <= set(texts(drawn[0]))


def test_a_bound_beside_the_margin_is_written_with_more_digits(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    draw(study, findings=[replace(study.findings[0], ci_low=-0.01964, ci_high=0.003)])
    assert "−0.0196 to +0.003" in texts(drawn[0])


def test_better_is_to_the_right_for_both_directions(drawn: list[Drawn]) -> None:
    for primary in ("ehr", "deletion"):
        draw(MadeUp(n_arms=2, n_models=1, primary=primary))
    higher, lower = drawn
    for figure in drawn:
        assert place(figure, "← worse") < place(figure, "better →")
    ticks = [text for text in texts(lower) if text in ("+0.02", "−0.02")]
    assert len(ticks) == 2
    assert place(lower, "+0.02") < place(lower, "−0.02")
    assert place(higher, "−0.02") < place(higher, "+0.02")


def test_a_metric_without_direction_is_lower_or_higher_not_worse_or_better(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    plain = {"ehr": replace(METRICS["ehr"], higher_is_better=None)}
    figures.forest(study.findings[:1], (), {}, study.names, plain)
    assert {"← lower", "higher →"} <= set(texts(drawn[0]))


def test_a_missing_finding_is_a_row_with_its_reason_and_no_marker(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1, missing=True)
    assert study.findings[0].estimate is None
    draw(study)
    assert any(text.startswith("No value of EHR") for text in texts(drawn[0]))
    assert texts(drawn[0]).count("–") == 3
    assert "not tested" in texts(drawn[0])


def test_korean_heads_and_verdicts(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    verdict = SimpleNamespace(mark="grey", short=Text("equivalent", "동등"))
    draw(study, verdicts={study.findings[0].contrast_id: verdict}, lang="ko")
    assert {"동등", "판정", "95% 신뢰구간", "보정 p", "좋음 →"} <= set(texts(drawn[0]))


def test_two_metrics_stand_on_two_axes(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    both = [replace(each, family="primary") for each in study.findings if each.metric in ("ehr", "deletion")]
    draw(study, findings=both)
    assert {"difference in EHR (EHR: 0 to 1)", "difference in Deletion (Deletion: 0 to 1)"} <= set(texts(drawn[0]))
    assert not drawn[0].outside()


def test_percent_metrics_are_written_in_percent(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    finding = replace(
        study.findings[0], metric="auc", attribution="", estimate=0.0123, ci_low=0.004, ci_high=0.021, margin=None
    )
    draw(study, findings=[finding])
    assert {"+1.2", "+0.4 to +2.1", "difference in AUC (AUC: 0 to 100 %)"} <= set(texts(drawn[0]))


@pytest.fixture
def row() -> forest_plot.Row:
    study = MadeUp(n_arms=2, n_models=1)
    finding = replace(
        study.findings[0],
        estimate=0.02,
        ci_low=0.0,
        ci_high=0.04,
        ci90_low=0.005,
        ci90_high=0.035,
        ci_models_low=0.01,
        ci_models_high=0.03,
    )
    return forest_plot.Row(finding, (0.01, 0.02, 0.03), "grey", "equivalent", 4.0, True)


def axes() -> Axes:
    figure, _ = sheet.page(100, 50)
    return sheet.panel(figure, 0, 0, width=100, height=50)


def lines(drawn_axes: Axes) -> list[tuple[list[float], float, str]]:
    return [(list(line.get_xdata()), line.get_linewidth(), str(line.get_color())) for line in drawn_axes.lines]


def test_intervals_are_thin_thick_and_grey_and_seeds_are_circles(row: forest_plot.Row) -> None:
    drawn_axes = forest_plot.draw_row(axes(), row, "s", pitch=8.0, lang="en")
    assert ([0.0, 0.04], 1.0, "#222222") in lines(drawn_axes)
    assert ([0.005, 0.035], 3.2, "#222222") in lines(drawn_axes)
    assert ([0.01, 0.03], 1.6, "#9a9a9a") in lines(drawn_axes)
    circles = next(line for line in drawn_axes.lines if len(line.get_xdata()) == 3)
    assert circles.get_markerfacecolor() == "none"
    models = next(line for line in drawn_axes.lines if line.get_color() == "#9a9a9a")
    assert models.get_ydata()[0] < row.y < circles.get_ydata()[0]  # millimetres grow downwards


@pytest.mark.parametrize(("mark", "fill"), [("black", "#111111"), ("grey", "#8a8a8a"), ("white", "#ffffff")])
def test_the_marker_is_filled_by_the_verdict(row: forest_plot.Row, mark: str, fill: str) -> None:
    drawn_axes = forest_plot.draw_row(axes(), replace(row, mark=mark), "o", pitch=8.0, lang="en")
    marker = next(line for line in drawn_axes.lines if line.get_marker() == "o" and line.get_markersize() == 5.6)
    assert marker.get_markerfacecolor() == fill
    assert list(marker.get_xdata()) == [0.02]


def test_with_one_run_only_the_interval_for_these_models_is_drawn(row: forest_plot.Row) -> None:
    one_run: Finding = replace(row.finding, ci_low=None, ci_high=None, ci90_low=None, ci90_high=None)
    drawn_axes = forest_plot.draw_row(axes(), replace(row, finding=one_run), "s", pitch=8.0, lang="en")
    widths = {width for _, width, colour in lines(drawn_axes) if colour == "#222222"}
    assert widths == set()
    assert ([0.01, 0.03], 1.6, "#9a9a9a") in lines(drawn_axes)
