"""Three arms or more at once: what is computed, what is not, and what is said of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import FACTS, Truth, crossed_values, design_of, score_rows

from study.records import Analysis, Design, Omnibus, RunStatus
from study.statistics import analyse, read_findings, write_findings
from study.statistics.influence import of_mean
from study.statistics.omnibus import nemenyi, nemenyi_against, nested_f

ARMS = ("baseline", "mae", "proxy", "rotation")


def values_of(arms: int = 4, runs: int = 3, images: int = 40, seed: int = 0) -> dict[str, Any]:
    drawn = crossed_values(np.random.default_rng(seed), arms=arms, runs=runs, images=images)
    return dict(zip(ARMS, drawn, strict=False))


def design_for(values: dict[str, Any], **changes: Any) -> Design:
    runs = tuple(
        RunStatus(f"{arm}-vit-seed{s}", arm, "vit", s, "done") for arm in values for s in range(len(values[arm]))
    )
    return design_of(tuple(values), n_seeds=3, **({"runs": runs} | changes))


def analysis_of(values: dict[str, Any], clusters: list[str] | None = None, **changes: Any) -> Analysis:
    return analyse(design_for(values, **changes), score_rows(values, clusters=clusters))


def omnibus_of(values: dict[str, Any], clusters: list[str] | None = None, **changes: Any) -> Omnibus:
    (found,) = analysis_of(values, clusters, **changes).omnibus
    return found


# ------------------------------------------------------------------------ golden numbers


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "reference" / "golden_stats"


@pytest.fixture(scope="module")
def expected(golden: Path) -> dict[str, Any]:
    values = json.loads((golden / "expected.json").read_text(encoding="utf8"))["values"]
    return {each["id"]: pytest.approx(each["value"], rel=each["rtol"], abs=each["atol"]) for each in values}


@pytest.mark.shared
def test_the_recipes_f_over_all_arms_comes_out(golden: Path, expected: dict[str, Any]) -> None:
    table = pd.read_csv(golden / "B_crossed_nested.csv")
    values = {
        str(arm): part.pivot_table(index="seed", columns="image", values="value").to_numpy()
        for arm, part in table.groupby("arm", sort=False)
    }
    found = omnibus_of(values)
    assert found.f_recipe == expected["B.or.F"]
    assert found.df2_recipe == expected["B.or.df2_hillis"]
    assert found.p_recipe == expected["B.or.p"]
    assert (found.status, found.df1_recipe, found.n_runs, found.n_blocks) == ("ok", 2, (5, 5, 5), 60)
    assert list(found.means) == [expected[f"B.mean.{arm}"] for arm in found.arms]


@pytest.mark.shared
def test_repeated_measures_ranks_and_comparisons_with_the_reference_come_out(
    golden: Path, expected: dict[str, Any]
) -> None:
    table = pd.read_csv(golden / "E_arms_heavy_tails.csv").set_index("image")
    values = {arm: table[arm].to_numpy()[None] for arm in table}
    lower = replace(FACTS, higher_is_better=False, bounds=(None, None))  # there rank 1 is the smallest value
    found = omnibus_of(values, metrics={"ehr": lower})
    names = {
        "f_models": "E.rm.F",
        "p_uncorrected": "E.rm.p",
        "partial_eta_squared": "E.rm.pes",
        "generalised_eta_squared": "E.rm.ges",
        "mauchly_w": "E.rm.mauchly_W",
        "mauchly_p": "E.rm.mauchly_p",
        "gg_epsilon": "E.rm.gg_eps",
        "p_models": "E.rm.p_gg",
        "hf_epsilon": "E.rm.hf_eps",
        "p_huynh_feldt": "E.rm.p_hf",
        "friedman_chi2": "E.friedman.chi2",
        "friedman_p": "E.friedman.p",
        "kendall_w": "E.friedman.kendall_W",
        "iman_davenport_f": "E.friedman.iman_davenport_F",
        "iman_davenport_p": "E.friedman.iman_davenport_p",
        "critical_difference": "E.nemenyi.cd_0.05",
    }
    for ours, theirs in names.items():
        assert getattr(found, ours) == expected[theirs], ours
    assert found.df1_models == pytest.approx(5 * found.gg_epsilon)
    assert found.df2_models == pytest.approx(145 * found.gg_epsilon)
    for i, arm in enumerate(found.arms):
        assert found.average_ranks[i] == expected[f"E.avg_rank.{arm}"]
        if i:
            assert found.p_nemenyi[i] == expected[f"E.nemenyi.p.arm1_{arm}"]
            assert found.p_wilcoxon_dropped[i] == expected[f"E.wilcoxon.p.{arm}"]
            assert found.p_holm_dropped[i] == expected[f"E.wilcoxon.holm.{arm}"]
    assert found.p_nemenyi[0] is found.p_wilcoxon[0] is found.p_holm[0] is None
    assert (found.status, found.p_recipe) == ("insufficient_runs", None)


# ---------------------------------------------------------------------- by hand, and laws


def test_ranks_by_hand_rank_one_is_best_and_groups_are_named() -> None:
    # Of six images the order is c > a > b in five, a > c > b in one.
    a, b, c = [0.5] * 5 + [0.8], [0.1] * 6, [0.7] * 6
    spread = np.arange(6) * 0.001
    found = omnibus_of({"a": [a + spread], "b": [b + 2 * spread], "c": [c + spread]})
    assert found.average_ranks == pytest.approx([11 / 6, 3.0, 7 / 6])
    # chi2 = 12 n / (k (k + 1)) * sum (mean rank - 2)^2 = 6 * (1/36 + 1 + 25/36)
    assert found.friedman_chi2 == pytest.approx(6 * (1 / 36 + 1 + 25 / 36))
    assert found.kendall_w == pytest.approx(found.friedman_chi2 / 12)
    # 2.343 * sqrt(3 * 4 / (6 * 6)): c and a, a and b stay together, c and b do not
    assert found.critical_difference == pytest.approx(2.3437 * np.sqrt(1 / 3), abs=1e-3)
    assert found.groups == (("c", "a"), ("a", "b"))


def test_a_metric_of_the_other_direction_turns_ranks_and_nothing_else() -> None:
    values = values_of()
    higher, lower = (omnibus_of(values, metrics={"ehr": replace(FACTS, higher_is_better=h)}) for h in (True, False))
    assert np.add(higher.average_ranks, lower.average_ranks) == pytest.approx([5.0] * 4)
    for name in ("f_recipe", "p_recipe", "p_models", "friedman_chi2", "p_holm", "critical_difference"):
        assert getattr(higher, name) == pytest.approx(getattr(lower, name)), name


def test_a_metric_without_a_direction_has_no_best_rank() -> None:
    found = omnibus_of(values_of(), metrics={"ehr": replace(FACTS, higher_is_better=None)})
    assert (found.average_ranks, found.critical_difference, found.groups) == ((), None, ())
    assert found.friedman_p is not None


def test_two_arms_have_no_omnibus_and_controls_none_either() -> None:
    assert analysis_of(values_of(arms=2)).omnibus == ()
    values = values_of()
    design = design_for(values, attributions=("gradcam",), controls=("control_random",))
    rows = pd.concat([score_rows(values), score_rows(values).assign(attribution="control_random")])
    assert [row.attribution for row in analyse(design, rows).omnibus] == ["gradcam"]


def test_unequal_numbers_of_runs_are_used_as_they_are() -> None:
    values = values_of(arms=3, runs=5)
    values["mae"] = values["mae"][:3]
    found = omnibus_of(values)
    sides = [np.asarray(values[arm]).mean(axis=1) for arm in ("baseline", "mae", "proxy")]
    pooled = sum(((side - side.mean()) ** 2).sum() for side in sides) / 10
    grand = np.concatenate(sides).mean()
    between = sum(len(side) * (side.mean() - grand) ** 2 for side in sides) / 2
    assert found.n_runs == (5, 3, 5)
    assert found.f_recipe is not None
    assert found.f_recipe <= between / pooled + 1e-12  # the part of the images only adds to the denominator
    assert found.f_recipe > 0.2 * between / pooled


def test_paired_seeds_use_the_arm_by_seed_spread() -> None:
    values = values_of(runs=5)
    shift = np.array([0.3, -0.2, 0.1, 0.0, -0.25])[:, None]  # one luck of the seed for all arms
    plain = omnibus_of(values, seeding="paired", seeds=tuple(range(5)))
    shifted = omnibus_of({arm: each + shift for arm, each in values.items()}, seeding="paired", seeds=tuple(range(5)))
    assert plain.seeding == "paired"
    assert shifted.f_recipe == pytest.approx(plain.f_recipe)
    nested = omnibus_of({arm: each + shift for arm, each in values.items()})
    assert nested.seeding == "nested"
    assert nested.f_recipe is not None
    assert shifted.f_recipe is not None
    assert nested.f_recipe < shifted.f_recipe


def test_few_pairs_are_analysed_as_nested_and_said() -> None:
    found = omnibus_of(values_of(), seeding="paired")
    assert found.seeding == "nested"
    assert "few_pairs" in found.notes


def test_patients_are_the_blocks_never_their_images() -> None:
    values = values_of(images=40)
    patients = [f"p{i // 4}" for i in range(40)]
    found = omnibus_of(values, clusters=patients)
    means = np.stack([np.asarray(values[arm]).mean(axis=0).reshape(10, 4).mean(axis=1) for arm in found.arms])
    assert (found.n_images, found.n_blocks, found.blocks) == (40, 10, "patients")
    assert found.friedman_chi2 == pytest.approx(stats.friedmanchisquare(*means).statistic)
    # the rows of a patient four times over are no more blocks
    again = omnibus_of({arm: np.tile(each, 4) for arm, each in values.items()}, clusters=patients * 4)
    assert again.n_blocks == 10
    assert again.friedman_chi2 == pytest.approx(found.friedman_chi2)


def test_a_constant_for_every_image_changes_nothing_and_scaling_no_test() -> None:
    values = values_of()
    plain = omnibus_of(values)
    hard = np.random.default_rng(5).normal(0, 3, 40)
    for changed in (
        {arm: each + hard for arm, each in values.items()},
        {arm: 7 * each for arm, each in values.items()},
    ):
        found = omnibus_of(changed, metrics={"ehr": replace(FACTS, bounds=(None, None))})
        for name in ("f_recipe", "df2_recipe", "p_models", "gg_epsilon", "friedman_chi2", "p_holm", "average_ranks"):
            assert getattr(found, name) == pytest.approx(getattr(plain, name)), name


def test_the_row_of_the_reference_is_that_of_all_pairs() -> None:
    ranks = np.array([1.5, 2.0, 3.1, 3.4])
    assert nemenyi_against(ranks, 25, 2) == pytest.approx(nemenyi(ranks, 25)[2])


# ------------------------------------------------------------------------------- refusals


def test_one_run_in_an_arm_leaves_the_trained_models() -> None:
    values = values_of()
    values["mae"] = values["mae"][:1]
    found = omnibus_of(values)
    assert (found.status, found.notes[0]) == ("insufficient_runs", "insufficient_runs")
    assert found.sentences_en[0] == "One run of mae: nothing can be said about retraining."
    assert (found.f_recipe, found.df2_recipe, found.p_recipe) == (None, None, None)
    assert found.p_models is not None
    assert found.friedman_p is not None


def test_fewer_blocks_than_arms_and_one_have_ranks_but_no_repeated_measures() -> None:
    few, enough = (omnibus_of(values_of(images=n)) for n in (4, 5))
    assert (few.f_models, few.p_models, few.gg_epsilon) == (None, None, None)
    assert few.friedman_p is not None
    assert few.f_recipe is not None
    assert "4 images for 4 arms: repeated measures need 5 or more." in few.sentences_en
    assert enough.p_models is not None
    assert "omnibus_few_blocks" not in enough.notes


def test_ties_everywhere_have_no_ranks() -> None:
    images = np.linspace(0.2, 0.8, 20)
    found = omnibus_of(dict.fromkeys(ARMS[:3], np.stack([images, images + 0.01])))
    assert (found.friedman_chi2, found.average_ranks, found.critical_difference) == (None, (), None)
    assert {"omnibus_ties", "omnibus_no_residual"} <= set(found.notes)
    assert "All arms tie in every one of the images: there are no ranks to compare." in found.sentences_en
    assert found.p_holm == ()
    assert found.f_recipe == pytest.approx(0.0)


def test_two_equal_arms_have_no_mauchly_p_and_nothing_is_nan() -> None:
    values = values_of(arms=3)
    values["proxy"] = values["mae"]
    found = omnibus_of(values)
    assert found.mauchly_p is None
    assert found.p_models is not None
    assert not [name for name, value in vars(found).items() if isinstance(value, float) and not np.isfinite(value)]


def test_identical_runs_have_no_f_for_retraining() -> None:
    values = {arm: np.stack([each[0], each[0]]) for arm, each in values_of(arms=3).items()}
    found = omnibus_of(values)
    assert (found.status, found.notes[0], found.f_recipe) == ("zero_run_variance", "zero_run_variance", None)
    assert found.p_models is not None


def test_an_arm_without_a_value_is_left_out_and_two_are_too_few() -> None:
    values = values_of()
    values["rotation"] = np.full_like(values["rotation"], np.nan)
    found = omnibus_of(values)
    assert found.arms == ("baseline", "mae", "proxy")
    assert "Left out, without a value: rotation; 3 arms are compared." in found.sentences_en
    values["proxy"] = values["rotation"]
    found = omnibus_of(values)
    assert (found.status, found.p_models, found.average_ranks) == ("too_few_arms", None, ())


def test_missing_cells_are_counted_and_one_image_is_refused() -> None:
    values = values_of()
    values["mae"][1, :3] = np.nan
    found = omnibus_of(values)
    assert found.n_images == 37
    assert "37 of 40 images used; 0 do not apply, 3 lack a value in some run." in found.sentences_en
    values["mae"][1, :20] = np.nan
    found = omnibus_of(values)
    assert (found.n_images, "available_cells" in found.notes) == (40, True)
    single = omnibus_of({arm: each[:, 30:31] for arm, each in values.items()})
    assert (single.status, single.friedman_p, single.means) == ("insufficient_n", None, ())


def test_an_omnibus_is_written_and_read_back(tmp_path: Path) -> None:
    values = values_of()
    values["mae"] = values["mae"][:1]
    analysis = analysis_of(values)
    write_findings(analysis, tmp_path)
    assert read_findings(tmp_path).omnibus == analysis.omnibus
    assert pd.read_parquet(tmp_path / "omnibus.parquet")["metric"].tolist() == ["ehr"]


@pytest.mark.slow
@pytest.mark.parametrize("run", [0.0, 0.04])
def test_the_recipes_f_keeps_its_level(run: float) -> None:
    rng, truth, studies = np.random.default_rng(11), Truth(run=run), 1000
    drawn = (crossed_values(rng, arms=4, runs=3, images=40, truth=truth) for _ in range(studies))
    hits = sum(nested_f([of_mean(arm, np.arange(40)) for arm in arms]).p_value < 0.05 for arms in drawn)
    assert 0.02 * studies <= hits <= 0.08 * studies
