"""Methods compared: bold and counts from the rankings, the diagram's caption, when the section is there at all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from report_builder import Made, made_up

from study.records import Ranking, ReportInput
from study.report import ranks
from study.report.answers import answers
from study.report.changes import changed
from study.report.front import Fit, front
from study.report.notes import Notes
from study.report.pictures import pictures
from study.report.rank_tables import rank_tables
from study.report.results import results as make_results
from study.report.terms import Text
from study.report.text import summary

ONE = Made(arms=("baseline",), models=("vit_small",), failed=False, gallery=False, metrics=("ehr", "insertion"))
LABELS = ("gradcam", "saliency", "iba", "control_random", "control_center")
RANKS = (1.5, 1.9, 3.1, 4.5, 4.0)


def ranking(**changes: Any) -> Ranking:
    """Five maps by EHR with a critical difference of 1: the second is not told apart from the first."""
    made: dict[str, Any] = {
        "model": "vit_small",
        "arm": "baseline",
        "metric": "ehr",
        "attributions": LABELS,
        "average_ranks": RANKS,
        "means": (0.61, 0.58, 0.44, 0.21, 0.25),
        "n_blocks": 40,
        "n_runs": 3,
        "chi2": 80.0,
        "p_value": 1e-9,
        "critical_difference": 1.0,
        "groups": (("gradcam", "saliency"), ("iba", "control_center"), ("control_center", "control_random")),
        "above_control": {
            "gradcam": ("control_random", "control_center"),
            "saliency": ("control_random", "control_center"),
            "iba": ("control_random",),
        },
    }
    return Ranking(**(made | changes))


def study(*rankings: Ranking, arms: tuple[str, ...] = ("baseline",)) -> ReportInput:
    """A study with these rankings and no others."""
    made = replace(ONE, arms=arms, attributions=LABELS[:3], controls=LABELS[3:])
    report = made_up(made)
    return replace(report, analysis=replace(report.analysis, rankings=rankings))


def made(*rankings: Ranking, arms: tuple[str, ...] = ("baseline",)) -> Any:
    return make_results(study(*rankings, arms=arms), Notes())


def test_the_best_and_what_is_closer_than_the_critical_difference_are_bold() -> None:
    (table,) = rank_tables(made(ranking()))
    lines = table.groups[0].lines
    assert [line.head.en for line in lines] == ["Grad-CAM", "Saliency", "IBA", "Centre prior", "Random map"]
    assert [line.cells[0].strong for line in lines] == ["1.50", "1.90", "", "", ""]
    assert [line.cells[0].plain.en for line in lines] == ["1.50", "1.90", "3.10", "4.00", "4.50"]
    assert [line.mark is not None for line in lines] == [False, False, False, True, True]


def test_a_difference_of_exactly_the_critical_difference_tells_apart() -> None:
    results = made(ranking(average_ranks=(1.5, 2.5, 3.0, 4.0, 4.0)))
    assert results["rankings"][0]["best"] == ["gradcam"]


def test_without_a_critical_difference_nothing_is_bold_and_no_diagram_is_drawn() -> None:
    row = ranking(critical_difference=None, p_value=None, chi2=None, groups=(), n_blocks=1)
    results = made(row)
    (table,) = rank_tables(results)
    assert not any(cell.strong for line in table.groups[0].lines for cell in line.cells)
    assert pictures(study(row), results).first_ranks == ()
    assert answers(results)[0].headline.en == "Inconclusive for vit_small: chance alone could order 5 maps like this."


def test_the_last_column_counts_metrics_on_which_a_method_outranks_each_control() -> None:
    (table,) = rank_tables(made(ranking(), ranking(metric="insertion", above_control={"gradcam": ("control_random",)})))
    assert table.heads[-1].text == Text("above centre / random, of 2", "중앙 / 무작위 초과, 2개 중")
    found = {line.head.en: line.cells[-1].text.en for line in table.groups[0].lines}
    assert found == {
        "Grad-CAM": "1 / 2",
        "Saliency": "1 / 1",
        "IBA": "0 / 1",
        "Centre prior": "control",
        "Random map": "control",
    }


def test_a_method_that_one_metric_does_not_rank_has_a_dash_and_the_reason_below() -> None:
    lacking = ranking(
        metric="insertion",
        attributions=LABELS[:2] + LABELS[3:],
        average_ranks=(1.0, 2.0, 3.5, 3.5),
        means=(0.6, 0.5, 0.2, 0.2),
        left_out=("iba",),
        sentences_en=("Not ranked: IBA.",),
        sentences_ko=("순위에서 제외: IBA.",),
    )
    (table,) = rank_tables(made(ranking(), lacking))
    iba = next(line for line in table.groups[0].lines if line.head.en == "IBA")
    assert [cell.text.en for cell in iba.cells[:2]] == ["3.10", "–"]
    assert Text("Not ranked: IBA.", "순위에서 제외: IBA.") in table.notes


def test_the_headline_names_the_first_map_and_those_not_told_apart() -> None:
    (answer,) = answers(made(ranking()))
    assert answer.label == "EHR ↑"
    assert answer.headline == Text(
        "Grad-CAM ranks first for vit_small; not told apart from it: Saliency.",
        "vit_small: 1위 Grad-CAM; 구별되지 않음: Saliency.",
    )
    assert answer.lines[0].en == (
        "vit_small, average rank of 5 maps over 40 blocks: Grad-CAM 1.50 (mean 0.610), Saliency 1.90 (mean 0.580), "
        "IBA 3.10 (mean 0.440), Centre prior (control) 4.00 (mean 0.250). Critical difference 1.00; "
        "Friedman p < 0.001; these trained models, 3 runs."
    )


def test_beside_the_headline_stands_how_many_methods_are_above_each_control_with_and_without_numbers() -> None:
    results = made(ranking())
    (answer,) = answers(results)
    assert answer.beside == Text(
        "Methods above the Centre prior: 2 of 3, the Random map: 3 of 3 (by 1.00 ranks or more).",
        "대조보다 앞선 방법: 중앙 사전 맵 3개 중 2개, 무작위 맵 3개 중 3개 (순위 차 1.00 이상).",
    )
    (bare,) = front(results, Notes(), None, Fit(details=False)).answers
    assert (bare.lines, bare.beside) == ((), answer.beside)
    assert "Methods above the Centre prior: 2 of 3" in " ".join(summary(results, "en").split())


def test_beside_several_models_each_is_named_and_without_a_critical_difference_nothing_is_said() -> None:
    report = made_up(replace(ONE, models=("vit_small", "vit_base"), attributions=LABELS[:3], controls=LABELS[3:]))
    open_one = ranking(model="vit_base", critical_difference=None, p_value=None, chi2=None, groups=())
    for second, said in (
        (ranking(model="vit_base"), ["vit_small, EHR", "vit_base, EHR"]),
        (open_one, ["vit_small, EHR"]),
    ):
        analysis = replace(report.analysis, rankings=(ranking(), second))
        (answer,) = answers(make_results(replace(report, analysis=analysis), Notes()))
        assert re.findall(r"(\w+, EHR): methods above", answer.beside.en) == said


def test_a_control_that_is_not_told_apart_from_the_best_is_named_before_the_methods() -> None:
    close = ranking(average_ranks=(1.5, 1.6, 1.7, 4.5, 1.8))
    assert answers(made(close))[0].headline.en == (
        "Grad-CAM ranks first for vit_small; not told apart from it: Centre prior (control), Saliency, IBA."
    )


def test_a_control_that_ranks_first_is_called_a_control() -> None:
    results = made(ranking(average_ranks=(3.0, 4.0, 5.0, 2.0, 1.0), above_control={}))
    assert answers(results)[0].headline.en == (
        "A control, Centre prior, ranks first for vit_small, apart from every other map."
    )


def test_critical_differences_that_metrics_share_are_said_once_per_model() -> None:
    rows = [ranking(model=model, metric=metric) for model in ("a", "b") for metric in ("ehr", "insertion")]
    rows[3] = replace(rows[3], critical_difference=1.5)
    report = made_up(replace(ONE, models=("a", "b"), attributions=LABELS[:3], controls=LABELS[3:]))
    report = replace(report, analysis=replace(report.analysis, rankings=tuple(rows)))
    (table,) = rank_tables(make_results(report, Notes()))
    (said,) = (note.en for note in table.notes if "Critical differences" in note.en)
    assert said.endswith(
        ": a: EHR, Insertion 1.00 (p < 0.001); b: EHR 1.00 (p < 0.001); b: Insertion 1.50 (p < 0.001)."
    )


def test_a_test_that_is_not_passed_is_inconclusive_whatever_the_ranks() -> None:
    (answer,) = answers(made(ranking(p_value=0.05)))
    assert answer.headline.en.startswith("Inconclusive for vit_small")
    assert not answer.beside


def test_with_several_arms_three_methods_are_needed() -> None:
    arms = ("baseline", "mae_random")
    assert ranks.shown(made(ranking(), arms=arms))
    two = ranking(
        attributions=LABELS[1:],
        average_ranks=(1.0, 2.0, 3.0, 4.0),
        means=(0.5, 0.4, 0.3, 0.2),
        groups=(),
        above_control={},
    )
    assert not ranks.shown(made(two, arms=arms))
    assert ranks.shown(made(two))
    assert rank_tables(make_results(made_up(Made(models=("vit_small",))), Notes())) == []


def test_every_arm_has_its_table_the_reference_first() -> None:
    arms = ("baseline", "mae_random")
    tables = rank_tables(made(ranking(arm="mae_random"), ranking(), arms=arms))
    assert [table.key for table in tables] == ["ranks-1-1", "ranks-2-1"]
    assert "MAE random" in tables[1].caption.en


def test_with_three_maps_there_is_a_table_and_no_diagram() -> None:
    three = ranking(
        attributions=LABELS[:3],
        average_ranks=(1.0, 2.0, 3.0),
        means=(0.6, 0.5, 0.4),
        groups=(),
        above_control={"gradcam": (), "saliency": (), "iba": ()},
    )
    report = study(three, arms=("baseline", "mae_random"))
    results = make_results(report, Notes())
    assert len(rank_tables(results)) == 1
    assert pictures(report, results).more_ranks == ()


def test_one_arm_has_its_first_diagram_on_page_one_and_several_arms_have_it_in_section_five() -> None:
    rows = (ranking(), ranking(metric="insertion"))
    alone, several = study(*rows), study(*rows, arms=("baseline", "mae_random"))
    found = [pictures(report, make_results(report, Notes())) for report in (alone, several)]
    assert [(len(each.first_ranks), len(each.more_ranks)) for each in found] == [(1, 1), (0, 2)]
    assert "Blocks: 40 test images" in found[0].first_ranks[0].caption.en
    assert "EHR, vit_small, Baseline" in found[1].more_ranks[0].caption.en


def test_the_protocol_s_primary_metric_comes_first() -> None:
    report = study(ranking(), ranking(metric="insertion"))
    protocol = {**report.facts.protocol, "analysis": {"primary": {"attribution": "iba", "metric": "insertion"}}}
    results = make_results(replace(report, facts=replace(report.facts, protocol=protocol)), Notes())
    assert ranks.selected(results) == ["insertion", "ehr"]


def test_what_changed_is_the_first_rank_then_the_ranks() -> None:
    before = made(ranking())
    swapped = made(ranking(average_ranks=(1.9, 1.5, 3.1, 4.5, 4.0)))
    moved = made(ranking(average_ranks=(1.5, 2.0, 3.0, 4.5, 4.0)))
    assert [text.en for text in changed(swapped, before)][:2] == [
        "EHR, vit_small: first rank Grad-CAM → Saliency.",
        "EHR, vit_small: average ranks moved.",
    ]
    assert [text.en for text in changed(moved, before)] == [
        "EHR, vit_small: average ranks moved.",
        "No first rank changed since report 7.",
    ]
    assert [text.en for text in changed(made(ranking()), before)] == ["Nothing changed since report 7."]


def test_every_printed_rank_mean_and_count_is_in_the_results() -> None:
    results = make_results(made_up(replace(ONE, attributions=("gradcam", "saliency", "iba", "hirescam"))), Notes())
    known = {f"{rank:.2f}" for row in results["rankings"] for rank in row["average_ranks"]}
    known |= {f"{row['critical_difference']:.2f}" for row in results["rankings"]}
    texts = [
        cell.plain.en
        for table in rank_tables(results)
        for group in table.groups
        for line in group.lines
        for cell in line.cells
    ]
    texts += [line.en for answer in answers(results) for line in answer.lines]
    printed = {number for text in texts for number in re.findall(r"(?<![\d.])\d+\.\d\d(?!\d)", text)}
    assert printed
    assert printed <= known
    means = {f"{mean:.3f}" for row in results["rankings"] for mean in row["means"]}
    assert set(re.findall(r"mean (\d\.\d{3})", " ".join(texts))) <= means
    counts = {row["k"] for row in results["outranked"]}
    assert {
        int(n) for text in texts for n in (re.fullmatch(r"(\d+) / (\d+)", text) or re.match("", "")).groups()
    } <= counts


@pytest.mark.parametrize("language", ["en", "ko"])
def test_remarks_of_the_rankings_are_said_once(language: str) -> None:
    results = make_results(made_up(ONE), Notes())
    said = ranks.remarks(ranks.rankings(results))
    assert len(said) == 1
    assert getattr(said[0], language)
