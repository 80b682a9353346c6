"""Every status and note of the tables of missing values and degenerate inputs, triggered through `analyse`."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from stats_study import FACTS, crossed_values, design_of, finding_of, prediction_rows, score_rows

from study.errors import StudyError
from study.records import Contrast, Finding, MetricFacts, Rules, RunStatus
from study.statistics import analyse
from study.statistics.influence import of_mean
from study.statistics.primary import crossed
from study.statistics.sentences import SENTENCES

AUC = MetricFacts("auc", "AUC", True, (0.0, 1.0), 1, per_run=True)
Values = dict[str, np.ndarray]


def values_of(seed: int = 0, **sizes: int) -> Values:
    values = crossed_values(np.random.default_rng(seed), **sizes)
    return {"baseline": values[0], "mae": values[1]}


def changed(change: Callable[[Values], Any], **sizes: int) -> Values:
    values = values_of(**sizes)
    change(values)
    return values


def constant(runs: int = 3, images: int = 40) -> Values:
    row = np.tile(np.linspace(0.2, 0.7, images), (runs, 1))
    return {"baseline": row, "mae": row.copy()}


def carried() -> Values:
    """The median image loses a little, five images gain a lot."""
    values = constant()
    values["mae"] -= 0.01 + 0.002 * np.sin(np.arange(40))
    values["mae"][:, :13] += np.linspace(0.1, 0.12, 13)
    return values


def auc_of(scores: Values, labels: np.ndarray, **changes: Any) -> Finding:
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "", "auc")
    design = design_of(contrasts=(contrast,), metrics={"auc": AUC}, **changes)
    return analyse(design, score_rows(values_of()).iloc[:0], prediction_rows(scores, labels)).findings[0]


def perfect() -> Finding:
    labels = np.arange(20) % 2
    return auc_of({arm: np.tile(labels * 0.8 + 0.1, (3, 1)) for arm in ("baseline", "mae")}, labels)


def one_class() -> Finding:
    rng = np.random.default_rng(0)
    return auc_of({arm: rng.random((3, 20)) for arm in ("baseline", "mae")}, np.zeros(20, dtype=int))


def nan_at(values: Values, arm: str, where: Any) -> None:
    values[arm][where] = np.nan


def lower_variance_than_its_parts() -> Finding:
    """Runs of an arm differ on images in opposite ways, so different runs share less than nothing."""
    wave = 0.2 * np.sin(np.arange(40))
    base = np.full((2, 40), 0.5)
    return finding_of({"baseline": base + np.stack([wave, -wave]), "mae": base + np.stack([wave + 0.01, 0.03 - wave])})


def failed_once() -> Finding:
    runs = [RunStatus(f"{a}-vit-seed{s}", a, "vit", s, "done") for a in ("baseline", "mae") for s in range(4)]
    runs[-1] = replace(runs[-1], state="failed", reason="out of memory")
    values = values_of(runs=4)
    return finding_of({"baseline": values["baseline"], "mae": values["mae"][:3]}, runs=tuple(runs))


def shared_pretraining(n: int) -> Finding:
    runs = tuple(
        RunStatus(f"{a}-vit-seed{s}", a, "vit", s, "done", pretrain_key=f"k{s % n}" if a == "mae" else None)
        for a in ("baseline", "mae")
        for s in range(4)
    )
    return finding_of(values_of(runs=4), runs=runs)


CASES: dict[str, Callable[[], Finding]] = {
    "no_data": lambda: finding_of(changed(lambda v: nan_at(v, "mae", slice(None)))),
    "insufficient_n": lambda: finding_of(values_of(images=1)),
    "insufficient_runs": lambda: finding_of(values_of(runs=1)),
    "two_runs": lambda: finding_of(values_of(runs=2)),
    "no_variation": lambda: finding_of(constant()),
    "zero_variance_shift": lambda: finding_of(changed(lambda v: v.update(mae=v["baseline"] + 0.125))),
    "zero_run_variance": lambda: finding_of(changed(lambda v: v.update(mae=np.tile(v["mae"][:1], (3, 1))))),
    "underpowered_exact": lambda: finding_of(values_of(images=5)),
    "many_ties": lambda: finding_of(
        changed(lambda v: v["mae"].__setitem__((slice(None), slice(0, 21)), v["baseline"][:, :21]))
    ),
    "ceiling": lambda: finding_of(changed(lambda v: v["mae"].__setitem__((slice(None), slice(0, 12)), 1.0))),
    "floor": lambda: finding_of(changed(lambda v: v["mae"].__setitem__((slice(None), slice(0, 12)), 0.0))),
    "v_case_negative": lower_variance_than_its_parts,
    "few_clusters": lambda: finding_of(values_of(images=9)),
    "undefined_metric": one_class,
    "auc_boundary": perfect,
    "heavy_tails": lambda: finding_of(changed(lambda v: v["mae"].__setitem__((slice(None), 3), 3.0))),
    "mean_median_sign": lambda: finding_of(carried()),
    "bootstrap_skipped_small_n": lambda: finding_of(values_of(images=7)),
    "few_pairs": lambda: finding_of(values_of(runs=3), seeding="paired"),
    "conditional_on_pretraining": lambda: shared_pretraining(1),
    "pretraining_runs_averaged": lambda: shared_pretraining(2),
    "missing_runs": failed_once,
    "failures_by_arm": failed_once,
    "exclusions": lambda: finding_of(changed(lambda v: nan_at(v, "mae", (0, 0)))),
    "available_cells": lambda: finding_of(changed(lambda v: nan_at(v, "mae", (0, slice(0, 8))))),
    "missing_by_arm": lambda: finding_of(changed(lambda v: nan_at(v, "mae", (0, slice(0, 10))))),
}


@pytest.mark.parametrize("code", CASES)
def test_a_code_is_given_where_its_row_says_and_nowhere_else(code: str) -> None:
    plain = finding_of(changed(lambda v: v.update(mae=v["mae"] + 0.2), runs=4, images=120))
    assert plain.status == "ok"
    assert code not in plain.notes
    finding = CASES[code]()
    assert code in finding.notes
    at = finding.notes.index(code)
    assert finding.sentences_en[at]
    assert any("가" <= letter <= "힣" for letter in finding.sentences_ko[at])
    if finding.status != "ok":
        assert finding.notes[0] == finding.status
    given = [value for value in vars(finding).values() if isinstance(value, float)]
    assert np.isfinite(given).all()


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("insufficient_n", "1 images: no spread, no test."),
        ("two_runs", "Two runs per arm: about 6.6 degrees of freedom."),
        ("underpowered_exact", "With 5 non-zero differences p cannot be below 0.0625."),
        ("ceiling", "15 percent of values are at 1."),
        ("few_clusters", "9 images: interval is approximate."),
        ("many_ties", "52 percent of the differences are 0."),
    ],
)
def test_a_sentence_holds_its_facts(code: str, sentence: str) -> None:
    finding = CASES[code]()
    assert finding.sentences_en[finding.notes.index(code)] == sentence


@pytest.mark.parametrize(("n", "noted"), [(5, True), (6, False)])
def test_the_exact_floor_is_compared_with_the_level_of_the_study(n: int, noted: bool) -> None:
    assert ("underpowered_exact" in finding_of(values_of(images=n)).notes) == noted
    assert "underpowered_exact" in finding_of(values_of(images=6), alpha=0.01).notes


@pytest.mark.parametrize(("share", "noted"), [(11, False), (12, True)])
def test_fifteen_percent_of_values_at_a_limit_are_noted(share: int, noted: bool) -> None:
    values = values_of()
    values["mae"][:, :share] = 1.0
    assert ("ceiling" in finding_of(values).notes) == noted


def test_heavy_tails_count_the_images_that_carry_the_mean() -> None:
    finding = finding_of(carried())
    at = finding.notes.index("heavy_tails")
    d = carried()["mae"].mean(axis=0) - carried()["baseline"].mean(axis=0)
    left = np.sort(d)
    count = next(k for k in range(40) if left[: 40 - k].sum() <= 0)
    assert finding.sentences_en[at].startswith(f"Images that carry the mean: {count} (largest")
    assert finding.trimmed_mean is not None
    assert finding.hodges_lehmann is not None


# ------------------------------------------------------------------- undefined values


def unequal() -> Values:
    return changed(lambda v: nan_at(v, "mae", (0, slice(0, 10))))


def test_arms_that_lack_values_unequally_get_two_more_readings_with_intervals() -> None:
    values = unequal()
    finding = finding_of(values)
    codes = np.arange(40)
    filled = np.where(np.isnan(values["mae"]), 0.0, values["mae"])
    worst = crossed((of_mean(filled, codes), of_mean(values["baseline"], codes)), (1.0, -1.0))
    kept = slice(10, None)
    dropped = crossed(
        (of_mean(values["mae"][:, kept], codes[:30]), of_mean(values["baseline"][:, kept], codes[:30])), (1.0, -1.0)
    )
    for name, wanted, n in (("worst", worst, 40), ("dropped", dropped, 30)):
        assert getattr(finding, f"estimate_undefined_{name}") == pytest.approx(float(wanted.estimate))
        assert getattr(finding, f"ci_undefined_{name}_low") == pytest.approx(float(wanted.ci_low))
        assert getattr(finding, f"p_undefined_{name}") == pytest.approx(float(wanted.p_value))
        assert getattr(finding, f"n_images_undefined_{name}") == n
    assert finding.p_missing_by_arm == pytest.approx(2.0**-9)
    assert finding_of(values_of()).estimate_undefined_dropped is None


def test_one_run_per_arm_reads_undefined_values_for_these_models() -> None:
    values = changed(lambda v: nan_at(v, "mae", (0, slice(0, 10))), runs=1)
    finding = finding_of(values)
    assert finding.status == "insufficient_runs"
    assert finding.p_undefined_worst is not None
    assert finding.p_undefined_dropped == pytest.approx(finding.p_models)


def test_a_metric_without_a_worst_value_has_no_such_reading() -> None:
    finding = finding_of(unequal(), metrics={"ehr": replace(FACTS, bounds=(None, 1.0))})
    assert finding.estimate_undefined_worst is None
    assert finding.estimate_undefined_dropped is not None


def test_the_protocol_may_count_undefined_values_as_the_worst() -> None:
    values = changed(
        lambda v: (
            nan_at(v, "mae", (0, slice(0, 4))),
            nan_at(v, "baseline", (slice(None), 39)),
            nan_at(v, "mae", (slice(None), 39)),
        )
    )
    rules = Rules(undefined={"ehr": "worst"})
    finding = finding_of(values, rules=rules)
    filled = np.where(np.isnan(values["mae"]), 0.0, values["mae"])[:, :39]
    assert finding.estimate == pytest.approx(filled.mean() - values["baseline"][:, :39].mean())
    assert finding.n_images == 39  # the last image never applies
    at = finding.notes.index("undefined_as_worst")
    assert finding.sentences_en[at] == ("EHR: 4 undefined values counted as 0, the worst value, as the protocol says.")
    analysis = analyse(design_of(rules=rules), score_rows(values))
    assert analysis.means[1].mean == pytest.approx(filled.mean())
    assert analysis.means[1].n_undefined == 4 + 3  # replaced, and never applicable
    assert [row.n_undefined for row in analysis.run_means] == [1, 1, 1, 5, 1, 1]
    lower = finding_of(values, rules=rules, metrics={"ehr": replace(FACTS, higher_is_better=False)})
    assert lower.estimate > finding.estimate  # type: ignore[operator]
    assert "undefined_as_worst" not in finding_of(values).notes


# ------------------------------------------------------------------------ image lists


def test_other_image_lists_are_refused_unless_the_protocol_allows_those_in_common() -> None:
    values = values_of()
    table = score_rows(values)
    shorter = table[~((table["run_id"] == "mae-vit-seed1") & table["image_id"].isin(["i0003", "i0008"]))]
    with pytest.raises(StudyError, match=r"has 40, mae-vit-seed1 has 38, 38 in common.*analysis.images to common"):
        analyse(design_of(), shorter)
    finding = analyse(design_of(rules=Rules(images="common")), shorter).findings[0]
    kept = [i for i in range(40) if i not in (3, 8)]
    assert finding.n_images == 38
    assert finding.estimate == pytest.approx(values["mae"][:, kept].mean() - values["baseline"][:, kept].mean())
    at = finding.notes.index("images_common")
    assert finding.sentences_en[at] == (
        "Runs list different images (38 to 40); only the 38 that all of them list are used."
    )
    assert "images_common" not in analyse(design_of(rules=Rules(images="common")), table).findings[0].notes


def test_predictions_of_other_images_follow_the_same_rule() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    table = prediction_rows({arm: rng.random((3, 40)) for arm in ("baseline", "mae")}, labels)
    shorter = table.drop(index=table.index[(table["run_id"] == "mae-vit-seed0") & (table["image_id"] == "i0005")])
    contrast = Contrast("c", "q", "primary", "mae", "baseline", "vit", "", "auc")
    design = design_of(contrasts=(contrast,), metrics={"auc": AUC})
    empty = score_rows(values_of()).iloc[:0]
    with pytest.raises(StudyError, match=r"list different images; .*analysis.images to common"):
        analyse(design, empty, shorter)
    common = analyse(replace(design, rules=Rules(images="common")), empty, shorter).findings[0]
    without = analyse(design, empty, table[table["image_id"] != "i0005"]).findings[0]
    assert common.n_images == 39
    assert common.estimate == pytest.approx(without.estimate)
    assert common.se == pytest.approx(without.se)


# ------------------------------------------------------------------ unreliable metrics


def ranked(noise: float, methods: tuple[str, ...]) -> Finding:
    rng = np.random.default_rng(1)
    tables = []
    for place, name in enumerate(methods):
        values = {arm: 0.3 + 0.1 * place + rng.normal(0, noise, (3, 40)) for arm in ("baseline", "mae")}
        tables.append(score_rows(values).assign(attribution=name))
    controls = tuple(name for name in methods if name.startswith("control"))
    design = design_of(attributions=tuple(m for m in methods if m not in controls), controls=controls)
    return analyse(design, pd.concat(tables, ignore_index=True)).findings[0]


def test_a_metric_on_which_images_rank_methods_at_random_is_called_unreliable() -> None:
    three = ("gradcam", "lrp", "iba")
    assert "metric_unreliable" in ranked(2.0, three).notes
    assert "metric_unreliable" not in ranked(0.001, three).notes


def test_one_method_beside_controls_says_nothing_about_reliability() -> None:
    assert "metric_unreliable" not in ranked(2.0, ("gradcam", "control_random", "control_center")).notes


def test_images_that_disagree_on_the_arms_are_no_reason_to_call_a_metric_unreliable() -> None:
    assert "metric_unreliable" not in finding_of(values_of()).notes


def test_every_code_that_a_finding_can_carry_has_a_case() -> None:
    elsewhere = {
        *("classes_left_out", "permutation_floor", "models_not_recipe", "few_images", "rank_vs_mean"),
        *("bootstrap_disagrees", "margin_set_later", "metric_unreliable", "undefined_as_worst", "images_common"),
        *("exact_mcnemar", "run_variance_pooled", "pooling_refused", "pooling_paired", "gate_closed"),
        "simultaneous_impossible",
    }
    assert elsewhere | CASES.keys() <= SENTENCES.keys()
    named = {
        *("no_data", "insufficient_n", "insufficient_runs", "two_runs", "no_variation", "zero_variance_shift"),
        *("zero_run_variance", "underpowered_exact", "many_ties", "ceiling", "floor", "v_case_negative"),
        *("few_clusters", "undefined_metric", "auc_boundary", "heavy_tails", "bootstrap_skipped_small_n"),
        *("bootstrap_disagrees", "few_pairs", "conditional_on_pretraining", "margin_set_later", "missing_by_arm"),
        *("failures_by_arm", "metric_unreliable"),
    }
    assert named <= elsewhere | CASES.keys()
