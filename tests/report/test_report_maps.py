"""Tables of maps: raw curves beside random and gap, layers, judges, classification, concepts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from report_builder import Made, made_up

from study.registry import ATTRIBUTIONS, METRICS, RUN_METRICS, concept_facts
from study.report import names
from study.report.cells import chunks
from study.report.class_tables import classification, concepts, per_class
from study.report.cross_tables import cross_tables
from study.report.layers import depth, layer_tables
from study.report.notes import Notes
from study.report.results import results as make_results
from study.report.table import Table
from study.report.tables import metric_tables
from study.report.terms import TERMS

CURVES = ("ehr", "insertion", "deletion", "faithfulness_gap")
ALL = tuple(label for label in ATTRIBUTIONS if not ATTRIBUTIONS[label].control)
TWO_ARMS = ("baseline", "mae_random")


def made(**knobs: Any) -> Any:
    return make_results(made_up(Made(**({"models": ("vit_small",), "failed": False} | knobs))), Notes())


def column(table: Table, head: str) -> int:
    return [text.text.en for text in table.heads].index(head) - 1


def mean(results: Any, arm: str, attribution: str, metric: str) -> float:
    rows = (*results["means"], *results["controls"])
    found = [
        row["mean"] for row in rows if (row["arm"], row["attribution"], row["metric"]) == (arm, attribution, metric)
    ]
    return float(found[0])


def test_under_a_raw_curve_stands_the_random_order_of_the_same_arm_and_beside_it_the_gap() -> None:
    results = made(metrics=CURVES)
    (table,) = metric_tables(results, "faithfulness")
    assert [head.text.en for head in table.heads[1:]] == ["Insertion ↑", "Deletion ↓", "LeRF − MoRF gap, normalised ↑"]
    assert [group.label.en for group in table.groups if group.label] == [
        "vit_small, Grad-CAM",
        "vit_small, Integrated gradients",
    ]
    for group, attribution in zip(table.groups, ("gradcam", "integrated_gradients"), strict=True):
        for line, arm in zip(group.lines, results["arms"], strict=True):
            random = mean(results, arm["arm"], "control_random", "insertion")
            assert line.cells[0].detail.en == f"random {random:.3f}"
            assert line.cells[2].plain.en.startswith(
                f"{mean(results, arm['arm'], attribution, 'faithfulness_gap'):.3f}"
            )
            assert not line.cells[2].detail
    assert len({line.cells[0].detail for line in table.groups[0].lines}) == len(results["arms"])
    assert TERMS["note.raw"] in table.notes
    assert "must not be compared between models" in TERMS["note.raw"].en
    assert "모델 간에 비교해서는" in TERMS["note.raw"].ko


def test_without_a_random_order_the_table_forbids_the_comparison() -> None:
    results = made(metrics=CURVES, controls=("control_center",))
    (table,) = metric_tables(results, "faithfulness")
    assert TERMS["note.raw.alone"] in table.notes
    assert not any(cell.detail for group in table.groups for line in group.lines for cell in line.cells)


def test_of_one_arm_the_random_order_is_a_row_of_the_same_table() -> None:
    results = made(arms=("baseline",), metrics=CURVES)
    (table,) = metric_tables(results, "faithfulness")
    assert [line.head.en for line in table.groups[0].lines] == [
        "Grad-CAM",
        "Integrated gradients",
        "Random map",
        "Centre prior",
        "Fake-CAM",
    ]
    assert not any(cell.detail for line in table.groups[0].lines for cell in line.cells)
    assert TERMS["note.raw.rows"] in table.notes


def test_many_maps_of_several_arms_are_rows_arms_columns_and_the_gap_is_below() -> None:
    results = made(arms=TWO_ARMS, metrics=CURVES, attributions=ALL)
    tables = metric_tables(results, "faithfulness")
    assert len(tables) == 3
    table = tables[0]
    assert [head.text.en for head in table.heads] == ["Map", "Baseline", "MAE random"]
    assert len(table.groups[0].lines) == len(ALL) + 3
    gap = mean(results, "mae_random", ALL[2], "faithfulness_gap")
    assert table.groups[0].lines[2].cells[1].detail.en == f"gap {gap:.3f}"
    assert not tables[2].groups[0].lines[2].cells[1].detail


def test_raw_curves_are_those_that_no_metric_divides_by_the_model() -> None:
    raw = {name for name in METRICS if names.is_raw_curve(name)}
    assert {"insertion", "insertion_lerf", "deletion", "deletion_lerf", "selectivity", "region_perturbation"} <= raw
    assert {"road", "road_morf", "road_lerf"} <= raw
    assert not raw & {"faithfulness_gap", "degradation", "infidelity", "ehr", "cross_insertion"}
    assert names.is_raw_curve("insertion[baseline=blur]")


def test_every_table_with_a_raw_curve_has_the_gap_and_none_is_wider_than_five() -> None:
    metrics = ["insertion", "deletion", "faithfulness_gap", "deletion_lerf", "road", "infidelity", "selectivity"]
    parts = chunks(metrics)
    assert parts == [
        ["insertion", "deletion", "deletion_lerf", "faithfulness_gap"],
        ["road", "selectivity", "infidelity", "faithfulness_gap"],
    ]
    assert chunks(["a", "b", "c", "d", "e", "f"]) == [["a", "b", "c"], ["d", "e", "f"]]
    assert chunks([]) == []


def test_sanity_metrics_have_tables_of_their_own_and_shape_metrics_stand_beside_adcc() -> None:
    results = made(metrics=("ehr", "adcc", "sparseness", "entropy", "max_sensitivity", "randomisation_ssim"))
    (table,) = metric_tables(results, "sanity")
    assert table.caption.en.startswith("Sanity checks, Grad-CAM, Integrated gradients")
    (masking, _) = metric_tables(results, "masking")
    assert [head.text.en for head in masking.heads[1:]] == ["ADCC ↑", "Sparseness (Gini) ↑", "Entropy ↓"]
    assert masking.caption.en.startswith("Masked images and shape of the map")


def test_many_undefined_values_are_summed_by_metric() -> None:
    report = made_up(Made(arms=("baseline",), models=("vit_small",), metrics=("ehr",), attributions=ALL, failed=False))
    results = make_results(report, Notes())
    for row in results["means"]:
        row["n_undefined"] = 3 if row["metric"] == "ehr" else 0
    (table,) = metric_tables(results, "agreement")
    assert f"EHR: {3 * len(ALL)} undefined values in {len(ALL)} maps" in " ".join(note.en for note in table.notes)


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (
            {("gradcam", "insertion"): 8, ("gradcam", "deletion"): 8},
            ["Insertion, Deletion, Grad-CAM, vit_small: 8 undefined values each ({why}) left out."],
        ),
        (
            {("gradcam", "insertion"): 8, ("gradcam", "deletion"): 7},
            [
                "Insertion, Grad-CAM, vit_small: 8 undefined values ({why}) left out.",
                "Deletion, Grad-CAM, vit_small: 7 undefined values ({why}) left out.",
            ],
        ),
        (
            {(label, metric): n for n, label in enumerate(ALL[:5], 1) for metric in ("insertion", "deletion")},
            ["Insertion, Deletion: 15 undefined values each in 5 maps ({why}) left out."],
        ),
        (
            {("gradcam", "insertion"): 9} | {(label, "deletion"): n for n, label in enumerate(ALL[:4], 1)},
            [
                "Insertion: 9 undefined values in one map ({why}) left out.",
                "Deletion: 10 undefined values in 4 maps ({why}) left out.",
            ],
        ),
    ],
    ids=["same count and reason", "other counts", "many, summed", "many, apart"],
)
def test_undefined_values_are_noted_once_for_all_metrics_that_share_count_and_reason(
    lacking: dict[tuple[str, str], int], said: list[str]
) -> None:
    results = made(arms=("baseline",), metrics=("insertion", "deletion"), primary="insertion", attributions=ALL)
    for row in results["means"]:
        row["n_undefined"] = lacking.get((row["attribution"], row["metric"]), 0)
    (table,) = metric_tables(results, "faithfulness")
    why = results["metrics"]["insertion"]["undefined"]
    assert [note.en for note in table.notes if "undefined" in note.en] == [text.format(why=why) for text in said]


LAYERS = tuple(f"{method}[layer={k}]" for method in ("gradcam", "layercam") for k in (2, 10, 1))


def test_layers_are_columns_from_shallow_to_deep_and_methods_rows() -> None:
    results = made(arms=TWO_ARMS, metrics=("ehr", "insertion"), attributions=(*LAYERS, "saliency", "iba[layer=1]"))
    tables = layer_tables(results)
    assert [table.caption.en.partition(" at ")[0] for table in tables] == ["EHR ↑", "Insertion ↑"]
    table = tables[0]
    assert [head.text.en for head in table.heads] == ["Method", "layer 1", "layer 2", "layer 10"]
    assert [group.label.en for group in table.groups if group.label] == ["vit_small, Baseline", "vit_small, MAE random"]
    assert [line.head.en for line in table.groups[0].lines] == ["Grad-CAM", "LayerCAM"]
    value = mean(results, "baseline", "gradcam[layer=10]", "ehr")
    assert table.groups[0].lines[0].cells[2].value == value
    assert tables[1].groups[0].lines[0].cells[0].detail.en.startswith("random ")


def test_one_layer_per_method_makes_no_table_of_layers() -> None:
    assert layer_tables(made(attributions=("gradcam[layer=1]", "layercam[layer=2]"))) == []


def test_layers_sort_by_number_within_names() -> None:
    layers = ["blocks.10", "3", "blocks.2", "input", "12"]
    assert sorted(layers, key=depth) == ["input", "3", "12", "blocks.2", "blocks.10"]


def test_maps_are_rows_judges_columns_and_own_scores_stand_in_brackets() -> None:
    results = made(arms=("baseline", "mae_random", "proxy"), cross=("cross_insertion",), attributions=("gradcam",))
    (table,) = cross_tables(results)
    assert [head.text.en for head in table.heads] == ["Maps of", "Baseline", "MAE random", "Proxy"]
    assert table.spans[1].text.en == "Models that judge"
    cells = [[cell.text.en for cell in line.cells] for line in table.groups[0].lines]
    own = {(i, k) for i, row in enumerate(cells) for k, text in enumerate(row) if text.startswith("[")}
    assert own == {(0, 0), (1, 1), (2, 2)}
    row = next(r for r in results["cross"] if (r["arm"], r["evaluator"]) == ("mae_random", "proxy"))
    assert cells[1][2] == f"{row['mean']:.3f} ± {row['sd_runs']:.3f}"


def test_own_scores_come_from_the_table_of_means_where_the_matrix_has_none() -> None:
    results = made(arms=TWO_ARMS, cross=("cross_insertion",), attributions=("gradcam",), metrics=("ehr", "insertion"))
    results["cross"] = [row for row in results["cross"] if row["arm"] != row["evaluator"]]
    (table,) = cross_tables(results)
    assert table.groups[0].lines[1].cells[1].value == mean(results, "mae_random", "gradcam", "insertion")


def test_scores_on_other_models_are_not_repeated_among_the_metrics() -> None:
    results = made(arms=TWO_ARMS, metrics=("ehr", "cross_insertion"), cross=("cross_insertion",))
    assert metric_tables(results, "faithfulness") == []
    results["cross"] = []
    assert len(metric_tables(results, "faithfulness")) == 1
    assert cross_tables(results) == []


def test_classification_has_auc_with_its_range_accuracy_ece_and_brier() -> None:
    results = made(classes=("normal", "loose", "worn"), concept_layers=(1,))
    table = classification(results)
    assert table is not None
    assert [head.text.en for head in table.heads] == [
        "Arm",
        "Runs",
        "AUC × 100 ↑",
        "Accuracy × 100 ↑",
        "Calibration error (ECE) ↓",
        "Brier score ↓",
    ]
    row = next(r for r in results["means"] if (r["arm"], r["metric"]) == ("proxy", "auc"))
    line = table.groups[0].lines[3]
    assert line.cells[1].detail.en == f"{row['lowest_run'] * 100:.1f} to {row['highest_run'] * 100:.1f}"
    assert line.detail.en == "MAE chest, random 75% → rotation shoulder"


def test_one_class_and_a_count_of_concepts_are_no_columns_of_the_classification() -> None:
    results = made(classes=("normal", "loose", "worn"), concept_layers=(1,))
    results["means"] = [row for row in results["means"] if row["metric"] not in ("ece", "brier")]
    table = classification(results)
    assert table is not None
    assert [head.text.en for head in table.heads][2:] == ["AUC × 100 ↑", "Accuracy × 100 ↑"]


def test_auc_per_class_only_with_more_than_two_classes() -> None:
    assert per_class(made()) == []
    (table,) = per_class(made(classes=("normal", "loose", "worn, in part")))
    assert [head.text.en for head in table.heads] == ["Arm", "normal", "loose", "worn, in part"]
    assert table.caption.en == "AUC × 100 of each class against the rest: 60 images, mean ± SD over 3 runs."


def test_auc_per_class_needs_no_line_in_the_design() -> None:
    report = made_up(Made(models=("vit_small",), classes=("normal", "loose", "worn")))
    design = report.analysis.design
    known = {label: facts for label, facts in design.metrics.items() if "class=" not in label}
    analysis = replace(report.analysis, design=replace(design, metrics=known))
    (table,) = per_class(make_results(replace(report, analysis=analysis), Notes()))
    assert len(table.heads) == 4


def test_concepts_are_counts_by_layer() -> None:
    assert concepts(made()) == []
    results = made(concept_layers=(2, 1), seeds=(11, 12))
    (table,) = concepts(results)
    assert [head.text.en for head in table.heads] == ["Arm", "layer 1", "layer 2", "layer 1", "layer 2"]
    row = next(r for r in results["means"] if (r["arm"], r["metric"]) == ("baseline", "unique_detectors[layer=1]"))
    assert table.groups[0].lines[0].cells[0].text.en == f"{row['mean']:.1f} ± {row['sd_runs']:.1f}"


@pytest.mark.parametrize("name", [*METRICS, *ATTRIBUTIONS, *RUN_METRICS, "unique_detectors", "detectors"])
def test_everything_registered_is_defined_in_both_languages_with_the_arrow_of_its_direction(name: str) -> None:
    title, definition = TERMS[f"name.{name}"], TERMS[f"def.{name}"]
    assert all((title.en, title.ko, definition.en, definition.ko))
    concept = next((facts for facts in concept_facts(1) if facts.name.startswith(f"{name}[")), None)
    facts = METRICS[name] if name in METRICS else RUN_METRICS.get(name) or concept
    if facts is not None:
        for text in (title.en, title.ko):
            assert {True: "↑", False: "↓"}[bool(facts.higher_is_better)] in text
    if name in METRICS or (name in ATTRIBUTIONS and not ATTRIBUTIONS[name].control):
        assert name in ("energy_pg_excess", "ehr_count", "faithfulness_gap") or "20" in definition.en
