"""Design, flow, rule, runs, curves, estimation, controls, checks, learning: what is drawn where."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from conftest import METRICS, Drawn, MadeUp

from study.records import ArmChain, LearningCurve
from study.report import figures
from study.report.figures import (
    assumptions,
    chains,
    control_maps,
    estimation_plot,
    flow_chart,
    learning,
    perturbation,
    run_marks,
    sheet,
    wording,
)


def texts(figure: Drawn) -> list[str]:
    return [text for text, _ in figure.texts]


def chain(arm: str, *kinds: str) -> ArmChain:
    return ArmChain(arm, tuple((kind, f"{kind} as usual") for kind in kinds), ())


def test_chains_share_columns_and_the_last_stage_is_last() -> None:
    grid = chains._grid(
        [chain("a", "finetune"), chain("b", "mae", "finetune"), chain("c", "mae", "rotation", "finetune")]
    )
    assert grid.kinds == ("mae", "rotation", "finetune")
    assert sorted(grid.cells["a"]) == [2]
    assert sorted(grid.cells["b"]) == [0, 2]
    assert grid.shared(2)
    assert not grid.shared(0)


def test_stages_in_opposite_orders_get_columns_of_their_own() -> None:
    arms = [chain("a", "mae", "rotation", "finetune"), chain("b", "rotation", "mae", "finetune")]
    grid = chains._grid(arms)
    for arm in arms:
        columns = list(grid.cells[arm.arm])
        assert columns == sorted(columns)
        assert [grid.kinds[column] for column in columns] == [kind for kind, _ in arm.stages]


def test_a_repeated_stage_is_two_columns() -> None:
    grid = chains._grid([chain("a", "mae", "finetune"), chain("b", "mae", "mae", "finetune")])
    assert grid.kinds == ("mae", "mae", "finetune")


def test_what_all_arms_share_is_one_box(drawn: list[Drawn], made_up: MadeUp) -> None:
    figures.design_chains(made_up.chains, "baseline", made_up.names)
    assert texts(drawn[0]).count("same for all") == 1
    assert texts(drawn[0]).count("75 epochs") == 1  # below `shoulder` in semibold
    assert texts(drawn[0]).count("chest") == texts(drawn[0]).count("random 75%") == 3


def test_one_arm_shares_with_nobody(drawn: list[Drawn]) -> None:
    figures.design_chains([chain("a", "mae", "finetune")], "a", {})
    assert "same for all" not in texts(drawn[0])


def test_flow_counts_runs_images_and_maps(drawn: list[Drawn], made_up: MadeUp) -> None:
    figures.flow(made_up.analysis)  # 4 arms x 2 models x 5 seeds, one seed lost per model; 134 listed, 120 used
    assert {"40 runs planned", "38 runs finished", "2 failed", "134 test images", "120 images", "14 not used"} <= set(
        texts(drawn[0])
    )
    assert "38 × 134 × 2 methods = 10,184 maps" in texts(drawn[0])


def test_flow_names_three_reasons_at_most_and_counts_the_others(made_up: MadeUp) -> None:
    lost = tuple(replace(run, state="failed", reason=f"reason {i}") for i, run in enumerate(made_up.runs[:5]))
    analysis = replace(made_up.analysis, design=replace(made_up.design, runs=lost))
    losses = flow_chart._lost_runs(analysis)
    assert [loss.what for loss in losses] == ["1 failed", "1 failed", "3 more lost"]


def test_the_rule_has_a_row_per_verdict_in_each_language(drawn: list[Drawn]) -> None:
    for lang in ("en", "ko", "both"):
        figures.verdict_rule(lang)
    english, korean, both = (texts(figure) for figure in drawn)
    assert "equivalent within the margin" in english
    assert "한계 안에서 동등" not in english
    assert "한계 안에서 동등" in korean
    assert {"equivalent within the margin", "한계 안에서 동등"} <= set(both)


def test_the_rule_says_the_level_it_was_given(drawn: list[Drawn]) -> None:
    figures.verdict_rule("en", alpha=0.01)
    assert texts(drawn[0]).count("< 0.01") == 4


def test_runs_shows_the_primary_metric_first_then_auc_and_no_control(made_up: MadeUp) -> None:
    cells = run_marks._cells(made_up.run_means, METRICS, made_up.design)
    assert [(cell.metric, cell.model) for cell in cells] == [
        ("ehr", "ViT-S/16"),
        ("ehr", "DenseNet-121"),
        ("auc", "ViT-S/16"),
        ("auc", "DenseNet-121"),
    ]
    assert {cell.attribution for cell in cells} == {"gradcam", ""}


def test_a_run_without_a_value_is_a_cross(made_up: MadeUp) -> None:
    with sheet.style():
        figure, _ = sheet.page(100, 50)
        axes = sheet.panel(figure, 10, 5, width=80, height=40)
        values = {
            run.run_id: run.value
            for run in made_up.run_means
            if (run.model, run.attribution, run.metric) == ("ViT-S/16", "gradcam", "ehr")
        }
        assert run_marks.draw_runs(axes, values, made_up.design, model="ViT-S/16", facts=METRICS["ehr"])
    assert sum(line.get_marker() == "x" for line in axes.lines) == 1
    assert sum(line.get_marker() in "os^D" for line in axes.lines) == len(values) == 19


def test_marks_of_a_difference_start_where_the_record_does(made_up: MadeUp) -> None:
    mine = {each.arm: each for each in made_up.curves[:12] if each.curve == "deletion_morf"}
    with sheet.style():
        figure, _ = sheet.page(100, 50)
        axes = perturbation.draw_differences(
            sheet.panel(figure, 10, 5, width=80, height=40), mine, made_up.design, ["mae_random"]
        )
    line = next(line for line in axes.lines if len(line.get_xdata()) == 33)
    np.testing.assert_array_equal(line.get_ydata(), mine["mae_random"].difference)
    assert len(axes.collections) == 1  # the band


def test_more_than_six_arms_get_a_panel_each(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=8, n_models=1)
    own = [each for each in study.curves if each.attribution == "gradcam"]
    svg = figures.curves(own, study.design, study.names)
    assert svg is not None
    assert len(re.findall(r'id="curves-\w{6}-axes_', svg)) == 1 + 3 * (1 + 7)  # the paper, then per curve


def test_estimation_writes_the_share_of_images_of_the_finding(drawn: list[Drawn], made_up: MadeUp) -> None:
    figures.estimation(made_up.findings[0], made_up.analysis, made_up.names)
    assert "76% of images\nbetter" in texts(drawn[0])


def test_estimation_draws_every_image_run_and_seed(made_up: MadeUp) -> None:
    finding = made_up.findings[0]
    pairs = estimation_plot._pairs(finding, made_up.analysis)
    assert pairs is not None
    assert len(pairs.difference) == made_up.n_images
    assert [len(values) for values in pairs.runs.values()] == [5, 5]
    assert len(pairs.seeds) == 5
    with sheet.style():
        figure, _ = sheet.page(87, 98)
        left = estimation_plot.draw_pairs(sheet.panel(figure, 10, 5, width=30, height=80), pairs)
        right = estimation_plot.draw_difference(sheet.panel(figure, 50, 5, width=30, height=80), pairs)
    assert len(left.collections[0].get_segments()) == made_up.n_images
    assert any(list(line.get_ydata()) == [finding.ci_low, finding.ci_high] for line in right.lines)
    assert any(list(line.get_ydata()) == [finding.ci_models_low, finding.ci_models_high] for line in right.lines)


def test_equal_differences_have_no_shape_and_no_warning(made_up: MadeUp) -> None:
    alike = tuple(replace(each, difference=0.25) for each in made_up.image_differences)
    analysis = replace(made_up.analysis, image_differences=alike)
    assert figures.estimation(made_up.findings[0], analysis, made_up.names) is not None
    assert figures.checks(made_up.findings[0], analysis) is not None


def test_controls_are_open_arms_filled_and_the_strip_is_written(drawn: list[Drawn]) -> None:
    study = MadeUp(n_arms=2, n_models=1)
    figures.controls(study.analysis, "ehr", study.names)
    found = texts(drawn[0])
    assert [text for text in found if text in ("baseline", "MAE random", "Random map", "Centre prior", "Fake-CAM")] == [
        "baseline",
        "MAE random",
        "Random map",
        "Centre prior",
        "Fake-CAM",
    ]
    assert "+0.030: baseline − centre prior" in found  # 0.49 - 0.46


def test_a_row_of_controls_is_drawn_open() -> None:
    rows = [
        control_maps.Row("arm", {"m": 0.5}, False),
        control_maps.Row("prior", {"m": 0.4}, True),
        control_maps.Row("no", {"m": None}, True),
    ]
    with sheet.style():
        figure, _ = sheet.page(87, 50)
        axes = control_maps.draw_controls(sheet.panel(figure, 10, 5, width=60, height=40), rows, "m", None)
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "s"]
    assert faces == ["#222222", "#ffffff"]


def test_checks_need_five_images() -> None:
    assert figures.checks(MadeUp(n_images=4).findings[0], MadeUp(n_images=4).analysis) is None
    assert figures.checks(MadeUp(n_images=5).findings[0], MadeUp(n_images=5).analysis) is not None


def test_the_order_of_images_does_not_change_the_checks(made_up: MadeUp) -> None:
    turned = replace(made_up.analysis, image_differences=made_up.image_differences[::-1])
    straight = _accumulated(made_up.analysis)
    np.testing.assert_array_equal(_accumulated(turned), straight)
    assert straight[-1] == pytest.approx(np.mean([each.difference for each in _images(made_up.analysis)]))


def _images(analysis):
    return [each for each in analysis.image_differences if each.contrast_id == analysis.findings[0].contrast_id]


def _accumulated(analysis):
    with sheet.style():
        figure, _ = sheet.page(87, 50)
        axes = sheet.panel(figure, 10, 5, width=60, height=40)
        assumptions.draw_accumulation(axes, _images(analysis), analysis.findings[0], 1.0)
    return axes.lines[0].get_ydata()


def curve(seed: int, *values: float | None) -> LearningCurve:
    return LearningCurve(f"r{seed}", "baseline", "ViT-S/16", seed, "finetune", range(1, 4), {"train_loss": values}, {})


def test_learning_curves_draw_the_median_and_leave_out_epochs_nobody_has(made_up: MadeUp) -> None:
    some = [curve(0, 3.0, None, None), curve(1, 1.0, 0.5, float("nan")), curve(2, 2.0, 0.7, None)]
    with sheet.style():
        figure, _ = sheet.page(87, 50)
        axes = learning.draw_learning(sheet.panel(figure, 10, 5, width=60, height=40), some, made_up.design)
    line = axes.lines[0]
    assert list(line.get_xdata()) == [1.0, 2.0]
    assert list(line.get_ydata()) == [2.0, 0.6]


def test_learning_curves_of_diverged_runs_alone_draw_an_empty_panel(made_up: MadeUp) -> None:
    assert figures.learning_curves([curve(0, None, None, None)], made_up.design, {}) is not None


def test_pretraining_comes_before_fine_tuning(drawn: list[Drawn], made_up: MadeUp) -> None:
    figures.learning_curves(made_up.learning, made_up.design, made_up.names)
    titles = [text for text in texts(drawn[0]) if text in ("Fine-tuning", "Masked autoencoder", "Rotation proxy task")]
    assert titles[:3] == ["Masked autoencoder", "Rotation proxy task", "Fine-tuning"]


def test_every_function_keeps_its_records_as_they_are(made_up: MadeUp) -> None:
    before = repr(made_up.analysis)
    figures.flow(made_up.analysis)
    figures.estimation(made_up.findings[0], made_up.analysis, made_up.names)
    figures.controls(made_up.analysis, "ehr", made_up.names)
    assert repr(made_up.analysis) == before


WORDY = (
    "shoulder, center 75 %, 12 epochs, lr 0.0005, mix share 0.5, saliencymix 1, saliency ignores marker",
    "shoulder, center 75 %, 12 epochs, lr 0.0005, mix share 0.5, saliencymix 1, saliency ignores nothing",
)


@pytest.mark.parametrize("n_stages", [1, 2, 4])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_boxes_grow_with_their_words_and_cut_nothing(drawn: list[Drawn], n_stages: int, lang: wording.Language) -> None:
    kinds = ("mae", "rotation", "jigsaw", "finetune")[-n_stages:]
    arms = [ArmChain(f"arm{n}", tuple((kind, WORDY[n % 2]) for kind in kinds), ()) for n in range(6)]
    names = {arm.arm: f"무작위 마스킹 사전학습을 거친 뒤 어깨 영상으로 미세조정한 비교군 {arm.arm}" for arm in arms}
    assert figures.design_chains(arms, "arm0", names, lang) is not None
    (figure,) = drawn
    assert not [text for text in texts(figure) if "…" in text]
    assert not figure.outside()
    assert not figure.overlapping()
    said = " ".join(" ".join(texts(figure)).split())
    assert said.count("ignores marker") == said.count("ignores nothing") == 3 * n_stages
    assert all(name in said for name in names.values())
    assert figure.size[1] * 25.4 / 72 <= sheet.TALLEST_MM


def test_with_forty_wordy_arms_the_chains_still_fit_a_page(drawn: list[Drawn]) -> None:
    arms = [ArmChain(f"arm{n}", tuple((kind, WORDY[n % 2]) for kind in ("mae", "finetune")), ()) for n in range(40)]
    assert figures.design_chains(arms, "arm0", {}) is not None
    assert drawn[0].size[1] * 25.4 / 72 <= sheet.TALLEST_MM + 0.5
    assert not drawn[0].outside()
