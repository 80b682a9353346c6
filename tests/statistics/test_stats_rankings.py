"""Which attribution method a metric prefers: ranks, Friedman, Nemenyi, and what may be said of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import FACTS, design_of, prediction_rows, score_rows

from study.records import Analysis, Design, MetricFacts, Ranking, RunStatus
from study.statistics import analyse, read_findings, write_findings
from study.statistics.components import agreement_on_order
from study.statistics.omnibus import critical_difference, friedman
from study.statistics.rankings import rank_groups

LOWER = replace(FACTS, higher_is_better=False)
HAND = {
    "a": [0.9, 0.8, 0.3, 0.7],  # ranks 1, 1.5, 2, 1
    "b": [0.5, 0.8, 0.6, 0.4],  # ranks 2, 1.5, 1, 2
    "control_c": [0.1, 0.2, 0.1, 0.2],  # ranks 3, 3, 3, 3
}


def design_for(methods: Mapping[str, Any], n_runs: int, **changes: Any) -> Design:
    """One arm, no contrasts; methods whose name begins with `control` are controls."""
    controls = tuple(name for name in methods if name.startswith("control"))
    attributions = tuple(name for name in methods if name not in controls)
    settings = {"attributions": attributions, "controls": controls, "resamples": 100} | changes
    return design_of(("baseline",), n_seeds=n_runs, **settings)


def table_of(methods: Mapping[str, Any], clusters: list[str] | None = None) -> pd.DataFrame:
    """Scores of method -> [n] or [S, n] values of the one arm."""
    tables = [
        score_rows({"baseline": np.atleast_2d(np.asarray(values, dtype=float))}, clusters=clusters).assign(
            attribution=name
        )
        for name, values in methods.items()
    ]
    return pd.concat(tables, ignore_index=True)


def analysis_of(methods: Mapping[str, Any], clusters: list[str] | None = None, **changes: Any) -> Analysis:
    n_runs = max(len(np.atleast_2d(values)) for values in methods.values())
    return analyse(design_for(methods, n_runs, **changes), table_of(methods, clusters))


def ranking_of(methods: Mapping[str, Any], clusters: list[str] | None = None, **changes: Any) -> Ranking:
    (ranking,) = analysis_of(methods, clusters, **changes).rankings
    return ranking


# ------------------------------------------------------------------- ranks and the test


def test_a_small_example_by_hand() -> None:
    ranking = ranking_of(HAND)
    assert ranking.attributions == ("a", "b", "control_c")
    assert ranking.average_ranks == (1.375, 1.625, 3.0)
    assert ranking.means == pytest.approx((0.675, 0.575, 0.15))
    assert (ranking.n_blocks, ranking.n_runs) == (4, 1)
    # rank sums 5.5, 6.5, 12 against 8 each: 2 * (6.25 + 2.25 + 16) / (3 * 2 + 1.5), and exp(-chi2 / 2) for 2 df
    assert ranking.chi2 == pytest.approx(2 * 24.5 / 7.5)
    assert ranking.p_value == pytest.approx(np.exp(-24.5 / 7.5))
    assert ranking.critical_difference == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 4)), abs=1e-3)  # Demsar, table 5
    assert ranking.groups == (("a", "b", "control_c"),)  # 1.625 apart, 1.657 needed
    assert ranking.above_control == {"a": (), "b": ()}


def test_a_smaller_critical_difference_tells_the_ends_apart() -> None:
    ranking = ranking_of(HAND, alpha=0.1)
    assert ranking.critical_difference == pytest.approx(2.052 * np.sqrt(0.5), abs=1e-3)
    assert ranking.groups == (("a", "b"), ("b", "control_c"))
    assert ranking.above_control == {"a": ("control_c",), "b": ()}


def test_groups_of_demsars_example() -> None:
    """C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets: his figure 1(a) and the text above it (JMLR 2006)."""
    ranks = (3.143, 2.000, 2.893, 1.964)
    assert critical_difference(4, 14, 0.05) == pytest.approx(1.25, abs=5e-3)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=5e-3)
    assert rank_groups(ranks, critical_difference(4, 14, 0.10)) == ((3, 1, 2), (2, 0))
    assert rank_groups(ranks, critical_difference(4, 14, 0.05)) == ((3, 1, 2, 0),)


@pytest.mark.parametrize(
    ("ranks", "difference", "bars"),
    [
        ((1.0, 2.0, 3.0), 0.5, ()),
        ((1.0, 2.0, 3.0), 1.0, ()),  # exactly the critical difference is told apart
        ((1.0, 2.0, 3.0), 1.5, ((0, 1), (1, 2))),
        ((1.0, 1.2, 4.0, 4.1, 4.2), 1.0, ((0, 1), (2, 3, 4))),
        ((1.0, 2.0, 2.5, 3.0, 5.0), 1.6, ((0, 1, 2), (1, 2, 3))),
        ((2.0, 2.0), 0.1, ((0, 1),)),
    ],
)
def test_groups_are_maximal_and_hold_at_least_two(
    ranks: tuple[float, ...], difference: float, bars: tuple[tuple[int, ...], ...]
) -> None:
    assert rank_groups(ranks, difference) == bars


@pytest.mark.shared
def test_golden_ranks_come_out_of_the_whole_analysis(shared: Path) -> None:
    folder = shared / "reference" / "golden_stats"
    values = json.loads((folder / "expected.json").read_text(encoding="utf8"))["values"]
    expected = {value["id"]: value["value"] for value in values}
    table = pd.read_csv(folder / "E_arms_heavy_tails.csv").set_index("image")
    ranking = ranking_of({name: table[name].to_numpy() for name in table}, metrics={"ehr": LOWER})
    assert ranking.average_ranks == pytest.approx([expected[f"E.avg_rank.{name}"] for name in table])
    assert ranking.chi2 == pytest.approx(expected["E.friedman.chi2"])
    assert ranking.p_value == pytest.approx(expected["E.friedman.p"])
    assert ranking.critical_difference == pytest.approx(expected["E.nemenyi.cd_0.05"])
    together = [set(bar) for bar in ranking.groups]
    first = str(table.columns[0])
    for name in map(str, table.columns[1:]):
        apart = expected[f"E.nemenyi.p.{first}_{name}"] < 0.05
        assert apart != any({first, name} <= bar for bar in together)


def test_the_direction_of_the_metric_turns_the_ranks() -> None:
    higher, lower = ranking_of(HAND), ranking_of(HAND, metrics={"ehr": LOWER})
    assert lower.average_ranks == pytest.approx([4 - rank for rank in higher.average_ranks])
    assert lower.chi2 == pytest.approx(higher.chi2)
    assert lower.means == higher.means


def test_metrics_without_a_direction_and_those_of_runs_rank_nothing() -> None:
    facts = {"ehr": replace(FACTS, higher_is_better=None)}
    assert analysis_of(HAND, metrics=facts).rankings == ()
    assert analysis_of(HAND, metrics={"ehr": replace(FACTS, per_run=True)}).rankings == ()


def test_values_equal_but_for_rounding_tie() -> None:
    ranking = ranking_of({"a": [0.1 + 0.2, 0.9], "b": [0.3, 0.8]})
    assert ranking.average_ranks == (1.25, 1.75)


def test_methods_that_agree_everywhere_and_those_that_tie_everywhere() -> None:
    agreed = ranking_of({"a": [3.0, 5.0], "b": [2.0, 4.0], "c": [1.0, 3.0]})
    assert agreed.chi2 == pytest.approx(2 * 2)  # n (k - 1), its largest value
    assert agreed.alpha == pytest.approx(1.0)
    tied = ranking_of({"a": [0.5] * 12, "b": [0.5] * 12})
    assert (tied.chi2, tied.p_value, tied.alpha) == (None, None, None)
    assert tied.average_ranks == (1.5, 1.5)
    assert tied.groups == (("a", "b"),)


def test_friedmans_f_at_its_limits() -> None:
    agreed = friedman(np.array([[1.0, 2.0, 3.0]] * 5))
    assert agreed.chi2 == pytest.approx(10)
    assert (agreed.iman_davenport_f, agreed.iman_davenport_p) == (np.inf, 0.0)
    assert np.isnan(friedman(np.ones((4, 3))).chi2)


def test_one_block_has_an_order_and_no_test() -> None:
    ranking = ranking_of({"a": [0.9], "b": [0.1]})
    assert ranking.average_ranks == (1.0, 2.0)
    assert (ranking.chi2, ranking.p_value, ranking.critical_difference, ranking.alpha) == (None,) * 4
    assert ranking.groups == ()
    assert ranking.above_control == {"a": (), "b": ()}


def test_one_method_is_no_ranking() -> None:
    assert analysis_of({"a": [0.9, 0.2]}).rankings == ()


def test_alpha_is_krippendorffs_for_ranks() -> None:
    values = np.array([HAND[name] for name in HAND])
    ranks = stats.rankdata(-values, axis=0)
    pairs = [(ranks[i, u] - ranks[i, v]) ** 2 for i in range(3) for u in range(4) for v in range(4) if u != v]
    every = ranks.ravel()
    chance = [(p - q) ** 2 for i, p in enumerate(every) for j, q in enumerate(every) if i != j]
    assert agreement_on_order(values) == pytest.approx(1 - np.mean(pairs) / np.mean(chance))
    assert ranking_of(HAND).alpha == pytest.approx(agreement_on_order(values))


# --------------------------------------------------------------------------- the blocks


def test_runs_are_averaged_before_images_are_ranked() -> None:
    a = [[1.0, 0.0], [0.0, 0.9]]  # means .5, .45; run by run b would win half of the four rows
    b = [[0.4, 0.4], [0.4, 0.4]]
    ranking = ranking_of({"a": a, "b": b})
    assert ranking.average_ranks == (1.0, 2.0)
    assert (ranking.n_blocks, ranking.n_runs) == (2, 2)
    assert ranking.means == pytest.approx((0.475, 0.4))


def test_patients_are_the_blocks() -> None:
    methods = {"a": [0.9, 0.1, 0.1, 0.6], "b": [0.5, 0.3, 0.2, 0.2]}
    ranking = ranking_of(methods, clusters=["p", "p", "p", "q"])
    assert ranking.n_blocks == 2
    assert ranking.means == pytest.approx(((1.1 / 3 + 0.6) / 2, (1.0 / 3 + 0.2) / 2))
    assert ranking.average_ranks == (1.0, 2.0)  # film by film they tie
    assert "2 patients" in ranking.sentences_en[0]
    assert ranking_of(methods).n_blocks == 4


def test_fine_tuning_runs_of_one_pretraining_are_averaged_first() -> None:
    names = [(f"baseline-vit-seed{s}", s, "k0" if s < 2 else "k1") for s in range(3)]
    runs = tuple(RunStatus(name, "baseline", "vit", s, "done", pretrain_key=key) for name, s, key in names)
    ranking = ranking_of({"a": [[1.0] * 2, [1.0] * 2, [0.0] * 2], "b": [[0.6] * 2] * 3}, runs=runs)
    assert ranking.n_runs == 2
    assert ranking.means == pytest.approx((0.5, 0.6))  # .667 if the three runs counted alike


def test_an_image_without_a_value_for_one_method_leaves_all() -> None:
    ranking = ranking_of({"a": [0.9, np.nan, 0.7], "b": [0.1, 0.2, 0.3]})
    assert ranking.n_blocks == 2
    assert ranking.means == pytest.approx((0.8, 0.2))
    assert ranking.left_out == ()


def test_images_to_which_the_metric_does_not_apply_leave_nobody_out() -> None:
    nothing = [np.nan] * 8
    ranking = ranking_of({"a": [0.9, 0.8, *nothing], "b": [0.1, 0.2, *nothing]})
    assert (ranking.n_blocks, ranking.left_out) == (2, ())


def test_a_method_that_is_mostly_undefined_is_left_out_and_named() -> None:
    methods = {
        "a": [0.9, 0.8, 0.7, 0.6],
        "rare": [np.nan, np.nan, np.nan, 0.5],
        "b": [0.1] * 4,
        "half": [np.nan, np.nan, 0.2, 0.2],
        "never": [np.nan] * 4,
    }
    ranking = ranking_of(methods)
    assert ranking.attributions == ("a", "b", "half")
    assert ranking.left_out == ("rare", "never")
    assert ranking.n_blocks == 2
    assert "methods_left_out" in ranking.notes
    assert any("rare, never" in sentence for sentence in ranking.sentences_en)
    assert any("rare, never" in sentence for sentence in ranking.sentences_ko)


def test_a_method_that_failed_in_most_runs_does_not_take_the_runs_of_the_others() -> None:
    gone = [np.nan, np.nan]
    ranking = ranking_of({"a": [[0.9, 0.8]] * 3, "b": [[0.1, 0.2]] * 3, "c": [[0.5, 0.5], gone, gone]})
    assert (ranking.left_out, ranking.n_runs) == (("c",), 3)


def test_every_method_is_averaged_over_the_same_runs() -> None:
    """Run 1 has no `b`, so what run 1 did for `a` is not held against `b`."""
    ranking = ranking_of({"a": [[0.2, 0.2], [1.0, 1.0]], "b": [[0.3, 0.3], [np.nan, np.nan]]})
    assert ranking.average_ranks == (2.0, 1.0)
    assert ranking.means == pytest.approx((0.2, 0.3))
    assert ranking.n_runs == 1


def test_methods_without_a_common_cell_do_not_empty_the_ranking() -> None:
    gone = [np.nan, np.nan]
    methods = {"a": [[0.9, 0.8]] * 2, "b": [[0.1, 0.2], gone], "c": [gone, [0.5, 0.5]]}
    ranking = ranking_of(methods)
    assert (ranking.attributions, ranking.left_out) == (("a", "b"), ("c",))


def test_a_method_of_another_model_family_is_not_called_left_out() -> None:
    design = design_for({**HAND, "rollout": None}, 1)
    (ranking,) = analyse(design, table_of(HAND)).rankings
    assert ranking.attributions == ("a", "b", "control_c")
    assert ranking.left_out == ()


def test_diverged_runs_are_not_ranked() -> None:
    runs = tuple(RunStatus(f"baseline-vit-seed{s}", "baseline", "vit", s, "done", diverged=s == 1) for s in range(2))
    ranking = ranking_of({"a": [[0.9, 0.9], [0.0, 0.0]], "b": [[0.5, 0.5]] * 2}, runs=runs)
    assert (ranking.n_runs, ranking.average_ranks) == (1, (1.0, 2.0))


# ---------------------------------------------------------------------------- the words


def test_a_ranking_says_that_it_is_of_these_models() -> None:
    ranking = ranking_of(HAND)
    assert ranking.notes == ("ranks_these_models", "few_blocks")
    assert ranking.sentences_en[0] == (
        "Ranks over 4 images, runs averaged first (1): the order that the metric gives to these trained models; "
        "it does not say that the order would hold after retraining."
    )
    assert "이미지 4개" in ranking.sentences_ko[0]
    assert "재학습" in ranking.sentences_ko[0]
    many = ranking_of({name: values * 5 for name, values in HAND.items()})
    assert many.notes == ("ranks_these_models",)


# ---------------------------------------------------------------- a study of one arm


def one_arm_study() -> Analysis:
    rng = np.random.default_rng(0)
    methods = {"gradcam": rng.random((3, 20)) + 1, "control_random": rng.random((3, 20))}
    per_run = MetricFacts("accuracy", "Accuracy", True, (0.0, 1.0), 1, per_run=True)
    design = design_for(methods, 3, metrics={"ehr": FACTS, "accuracy": per_run})
    fractions = np.linspace(0, 1, 5)
    curves = {
        (run.run_id, "gradcam"): {
            "deletion_morf": 1 - fractions * rng.uniform(0.5, 1, (20, 1)),
            "deletion_lerf": 1 - fractions**2 * rng.uniform(0.5, 1, (20, 1)),
            "fractions": fractions,
        }
        for run in design.runs
    }
    predictions = prediction_rows({"baseline": rng.random((3, 20))}, np.arange(20) % 2)
    return analyse(design, table_of(methods), predictions, curves)


def test_a_study_of_one_arm_has_means_rankings_and_curves_but_no_findings() -> None:
    analysis = one_arm_study()
    assert analysis.findings == analysis.image_differences == analysis.seed_differences == ()
    assert [(mean.attribution, mean.metric) for mean in analysis.means] == [
        ("", "accuracy"),
        ("gradcam", "ehr"),
        ("control_random", "ehr"),
    ]
    assert all(mean.ci_low < mean.mean < mean.ci_high for mean in analysis.means)  # type: ignore[operator]
    assert len(analysis.run_means) == 9
    (ranking,) = analysis.rankings
    assert ranking.average_ranks == (1.0, 2.0)
    assert ranking.above_control == {"gradcam": ("control_random",)}
    assert {curve.curve for curve in analysis.curves} == {"insertion_morf", "deletion_morf", "deletion_lerf"}
    assert all(curve.difference == () for curve in analysis.curves)
    assert {part.order_of_arms for part in analysis.components} == {None}


def test_rankings_are_kept_in_both_files(tmp_path: Path) -> None:
    analysis = one_arm_study()
    write_findings(analysis, tmp_path)
    assert read_findings(tmp_path) == analysis
    table = pd.read_parquet(tmp_path / "rankings.parquet")
    assert table["attribution"].tolist() == ["gradcam", "control_random"]
    assert table["average_rank"].tolist() == [1.0, 2.0]
    assert table["control"].tolist() == [False, True]
    assert table["above_control"].tolist() == ["control_random", ""]


def test_a_method_left_out_keeps_its_row_in_the_table_without_a_rank(tmp_path: Path) -> None:
    analysis = analysis_of({"a": [0.9, 0.8, 0.7], "b": [0.1] * 3, "never": [np.nan] * 3})
    write_findings(analysis, tmp_path)
    table = pd.read_parquet(tmp_path / "rankings.parquet")
    assert table["left_out"].tolist() == [False, False, True]
    assert np.isnan(table["average_rank"].iloc[2])


def test_findings_written_before_there_were_rankings_can_be_read(tmp_path: Path) -> None:
    analysis = replace(one_arm_study(), rankings=(), cross=())
    write_findings(analysis, tmp_path)
    content = json.loads((tmp_path / "findings.json").read_text(encoding="utf8"))
    for name in ("rankings", "cross"):
        del content[name]
    del content["design"]["classes"]
    (tmp_path / "findings.json").write_text(json.dumps(content), encoding="utf8")
    assert read_findings(tmp_path) == analysis
