"""Effect sizes beside the difference, their limits, and the resampled sets that all of them share."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from stats_study import FACTS, crossed_values, design_of, finding_of, prediction_rows, score_rows

from study.errors import StudyError
from study.records import Contrast, MetricFacts, Rules
from study.statistics import analyse, effects, resampled_effects
from study.statistics.bootstrap import bca, image_weights, percentile, run_weights
from study.statistics.cells import gather
from study.statistics.companions import signed_rank
from study.statistics.components import variance_components
from study.statistics.effect_sizes import d_av, d_rm, rank_biserial, small_sample_factor
from study.statistics.resampled_effects import rank_biserials
from study.statistics.resampling import _disagreement, strata_of

ACCURACY = MetricFacts("accuracy", "Accuracy", True, (0.0, 1.0), 1, per_run=True, true_zero=True)


def values_of(seed: int = 0, **sizes: int) -> dict[str, np.ndarray]:
    values = crossed_values(np.random.default_rng(seed), **sizes)
    return {"baseline": values[0], "mae": values[1]}


def drawn(values: dict[str, np.ndarray], resamples: int = 300) -> np.ndarray:
    """[B, n] the study's image weights."""
    n = values["mae"].shape[1]
    return np.concatenate(list(image_weights(n, resamples, 20240501)))


# ------------------------------------------------------------------------ over images


def test_gz_is_dz_with_hedges_factor_and_so_are_its_limits() -> None:
    finding = finding_of(values_of())
    factor = small_sample_factor(40)
    for ours, theirs in (("gz", "dz"), ("gz_low", "dz_low"), ("gz_high", "dz_high")):
        assert getattr(finding, ours) == pytest.approx(getattr(finding, theirs) * factor)
    assert factor < 1


def test_sizes_on_images_are_those_of_the_run_means_and_their_limits_of_resampled_images() -> None:
    values = values_of()
    finding = finding_of(values)
    treatment, control = values["mae"].mean(axis=0), values["baseline"].mean(axis=0)
    assert finding.d_av == pytest.approx(d_av(treatment, control))
    assert finding.d_rm == pytest.approx(d_rm(treatment, control))
    by_hand = {"d_av": [], "d_rm": []}  # type: ignore[var-annotated]
    for weights in drawn(values):
        picked = np.repeat(np.arange(40), weights.astype(int))
        by_hand["d_av"].append(d_av(treatment[picked], control[picked]))
        by_hand["d_rm"].append(d_rm(treatment[picked], control[picked]))
    for name, replicates in by_hand.items():
        limits = percentile(np.array(replicates))
        assert getattr(finding, f"{name}_low") == pytest.approx(limits.low)
        assert getattr(finding, f"{name}_high") == pytest.approx(limits.high)


@pytest.mark.parametrize("decimals", [6, 1])
def test_rank_biserials_are_those_of_the_images_drawn(decimals: int) -> None:
    """With one decimal there are ties and zeros."""
    d = np.round(np.random.default_rng(3).normal(0.05, 0.2, 40), decimals)
    weights = np.concatenate(list(image_weights(40, 60, 1)))
    found = rank_biserials(d, weights.astype(np.float32))
    for got, row in zip(found, weights.astype(int), strict=True):
        ranks = signed_rank(np.repeat(d, row), "drop")
        assert got == pytest.approx(rank_biserial(ranks.w_plus, ranks.w_minus), abs=1e-6)


def test_the_rank_biserial_of_a_finding_has_the_limits_of_the_shared_resamples() -> None:
    values = values_of()
    finding = finding_of(values)
    d = values["mae"].mean(axis=0) - values["baseline"].mean(axis=0)
    limits = percentile(rank_biserials(d, drawn(values).astype(np.float32)))
    assert (finding.rank_biserial_low, finding.rank_biserial_high) == pytest.approx(tuple(limits))
    assert finding.rank_biserial_low < finding.rank_biserial < finding.rank_biserial_high  # type: ignore[operator]


def test_patients_are_the_units_of_sizes_on_images() -> None:
    values = values_of()
    finding = finding_of(values, clusters=[f"p{i // 2}" for i in range(40)])
    sides = [values[arm].mean(axis=0).reshape(20, 2).mean(axis=1) for arm in ("mae", "baseline")]
    assert finding.d_av == pytest.approx(d_av(*sides))
    assert finding.d_av_low is None  # 20 patients are too few for percentiles


def test_sizes_do_not_exist_where_there_is_no_spread() -> None:
    row = np.tile(np.linspace(0.1, 0.6, 40), (3, 1))
    finding = finding_of({"baseline": row, "mae": row + 0.125})
    assert (finding.gz, finding.d_av, finding.d_rm, finding.d_total) == (None,) * 4
    assert finding.rank_biserial == 1.0
    alike = finding_of({"baseline": row, "mae": row})
    assert (alike.rank_biserial, alike.p_improve_joint) == (None, None)


# ---------------------------------------------------------------- over runs and images


def test_d_total_divides_by_all_variance_components_together() -> None:
    values = values_of(1, runs=4)
    finding = finding_of(values)
    parts = variance_components([values["baseline"], values["mae"]])
    assert parts.run > 0
    assert effects.total_variance((values["mae"], values["baseline"])) == pytest.approx(sum(parts))
    assert finding.d_total == pytest.approx(finding.estimate / np.sqrt(sum(parts)))  # type: ignore[operator]
    assert finding.d_total_low < finding.d_total < finding.d_total_high  # type: ignore[operator]


def test_two_runs_have_d_total_and_no_interval_of_it() -> None:
    """One draw from two runs never shows a run variance."""
    finding = finding_of(values_of(runs=2))
    assert finding.d_total is not None
    assert finding.d_total_low is None


def test_joint_improvement_counts_run_pairs_and_images_and_is_resampled_over_both() -> None:
    values = values_of(2)
    finding = finding_of(values)
    wins = (values["mae"][:, None] > values["baseline"][None]).astype(float)
    assert finding.p_improve_joint == pytest.approx(wins.mean())
    share = np.einsum("bi,sti->bst", drawn(values) / 40, wins)
    runs = [run_weights(arm, 3, 300, 20240501) for arm in ("mae", "baseline")]
    limits = percentile(np.einsum("bs,bt,bst->b", *runs, share))
    assert (finding.p_improve_joint_low, finding.p_improve_joint_high) == pytest.approx(tuple(limits), abs=1e-6)


def test_joint_improvement_counts_down_where_lower_is_better() -> None:
    values = values_of(2)
    upward = finding_of(values).p_improve_joint
    facts = {"ehr": replace(FACTS, higher_is_better=False)}
    assert finding_of(values, metrics=facts).p_improve_joint == pytest.approx(1 - upward)  # type: ignore[operator]


def test_percent_of_the_control_only_where_zero_means_nothing() -> None:
    values = values_of()
    assert finding_of(values).percent is None
    finding = finding_of(values, metrics={"ehr": replace(FACTS, true_zero=True)})
    assert finding.percent == pytest.approx(100 * finding.estimate / finding.mean_control)  # type: ignore[operator]
    assert finding.percent_low == pytest.approx(100 * finding.ci_low / finding.mean_control)  # type: ignore[operator]
    below = {arm: each - 2 for arm, each in values.items()}
    assert finding_of(below, metrics={"ehr": replace(FACTS, true_zero=True)}).percent is None


# -------------------------------------------------------------------------- resampling


def test_bca_limits_stand_beside_the_percentile_ones() -> None:
    values = values_of()
    finding = finding_of(values)
    d = values["mae"].mean(axis=0) - values["baseline"].mean(axis=0)
    replicates = drawn(values) @ d / 40
    jackknife = (d.sum() - d) / 39
    spread = jackknife.mean() - jackknife
    accelerated = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)
    limits = bca(replicates, float(d.mean()), float(accelerated))
    assert finding.ci_bca_models_low == pytest.approx(limits.low)
    assert finding.ci_bca_models_high == pytest.approx(limits.high)
    assert finding.ci_bootstrap_models_low == pytest.approx(percentile(replicates).low)
    assert limits.low != percentile(replicates).low


def test_bca_of_patients_leaves_one_patient_out() -> None:
    values = values_of()
    patients = [f"p{min(i // 4, 8)}" for i in range(40)]  # 9 patients, the last of 8 images
    finding = finding_of(values, clusters=patients)
    assert finding.ci_bootstrap_models_low is None
    assert finding.ci_bca_models_low is not None
    d = values["mae"].mean(axis=0) - values["baseline"].mean(axis=0)
    codes = np.array([int(name[1:]) for name in patients])
    totals, sizes = np.bincount(codes, weights=d), np.bincount(codes)
    weights = np.concatenate(list(image_weights(9, 300, 20240501)))
    replicates = weights @ totals / (weights @ sizes)
    without = np.array([d[codes != g].mean() for g in range(9)])
    spread = without.mean() - without
    limits = bca(replicates, float(d.mean()), float((spread**3).sum() / (6 * (spread**2).sum() ** 1.5)))
    assert finding.ci_bca_models_low == pytest.approx(limits.low)


@pytest.mark.parametrize(("images", "skipped", "percentiles"), [(7, True, False), (8, False, False), (30, False, True)])
def test_the_boundaries_of_the_bootstrap(images: int, skipped: bool, percentiles: bool) -> None:
    finding = finding_of(values_of(images=images))
    assert ("bootstrap_skipped_small_n" in finding.notes) == skipped
    assert (finding.se_bootstrap is None) == skipped
    assert (finding.ci_bca_models_low is None) == skipped
    assert (finding.ci_bootstrap_models_low is not None) == percentiles


@pytest.mark.parametrize(("ratio", "noted"), [(0.79, True), (0.8, False), (1.6, False), (1.61, True)])
def test_the_resampled_standard_error_disagrees_outside_its_limits(ratio: float, noted: bool) -> None:
    assert [found.code for found in _disagreement(ratio, 1.0)] == ["bootstrap_disagrees"] * noted


def test_limits_come_with_their_monte_carlo_error() -> None:
    finding = finding_of(values_of(), resamples=400)
    assert finding.n_resamples == 400
    assert finding.ci_bootstrap_low is not None
    half = finding.estimate - finding.ci_bootstrap_low  # type: ignore[operator]
    assert finding.bootstrap_error == pytest.approx(half / np.sqrt(2 * 399))
    d = values_of()["mae"].mean(axis=0) - values_of()["baseline"].mean(axis=0)
    spread = (drawn(values_of(), 400) @ d / 40).std(ddof=1)
    wanted = np.sqrt(0.025 * 0.975 / 400) / stats.norm.pdf(stats.norm.ppf(0.025)) * spread
    assert finding.bootstrap_models_error == pytest.approx(wanted)


def test_every_metric_and_arm_has_the_same_resampled_sets() -> None:
    """The difference of one metric's two contrasts is resampled like the contrast of their arms."""
    values = crossed_values(np.random.default_rng(4), arms=3)
    arms = dict(zip(("baseline", "a", "b"), values, strict=True))
    twice = pd.concat([score_rows(arms), score_rows({arm: 2 * each for arm, each in arms.items()}, metric="twice")])
    contrasts = tuple(
        Contrast(f"{arm}-{metric}", "q", "secondary", arm, "baseline", "vit", "gradcam", metric)
        for metric in ("ehr", "twice")
        for arm in ("a", "b")
    )
    design = design_of(tuple(arms), contrasts=contrasts, metrics={"ehr": FACTS, "twice": replace(FACTS, name="twice")})
    found = {row.contrast_id: row for row in analyse(design, twice).findings}
    for arm in ("a", "b"):
        plain, doubled = found[f"{arm}-ehr"], found[f"{arm}-twice"]
        assert doubled.ci_bootstrap_models_low == pytest.approx(2 * plain.ci_bootstrap_models_low)
        assert doubled.se_bootstrap == pytest.approx(2 * plain.se_bootstrap)
        assert doubled.rank_biserial_low == pytest.approx(plain.rank_biserial_low)


def test_paired_seeds_draw_the_same_runs_in_every_arm() -> None:
    """A shift of seed s by the same amount in both arms cancels in every resample."""
    values = values_of(runs=5)
    shifted = {arm: each + np.arange(5)[:, None] for arm, each in values.items()}
    plain, moved = (finding_of(each, seeding="paired") for each in (values, shifted))
    assert moved.se_bootstrap == pytest.approx(plain.se_bootstrap)
    nested = finding_of(shifted)
    assert nested.se_bootstrap > 10 * plain.se_bootstrap  # type: ignore[operator]


# ------------------------------------------------------------------------------ strata


def labelled(n: int = 40) -> tuple[dict[str, np.ndarray], np.ndarray, pd.DataFrame]:
    labels = (np.arange(n) % 4 == 0).astype(int)
    rng = np.random.default_rng(5)
    values = {arm: labels + 0.01 * rng.random((3, n)) for arm in ("baseline", "mae")}
    probabilities = {arm: np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.2, (3, n)), 0, 1) for arm in values}
    return values, labels, prediction_rows(probabilities, labels)


def test_images_are_drawn_within_classes_where_the_protocol_says_so() -> None:
    values, labels, predictions = labelled()
    weights = np.concatenate(list(image_weights(40, 700, 3, labels)))
    assert (weights[:, labels == 1].sum(axis=1) == 10).all()
    assert (weights[:, labels == 0].sum(axis=1) == 30).all()
    assert weights.std(axis=0).min() > 0.8  # multinomial counts of 10 or 30 draws
    spread = {
        strata: analyse(design_of(rules=Rules(strata=strata)), score_rows(values), predictions)  # type: ignore[arg-type]
        .findings[0]
        .d_av_error
        for strata in ("none", "class")
    }
    assert spread["class"] < spread["none"]  # type: ignore[operator]


def test_the_means_and_the_auc_share_the_stratified_sets() -> None:
    _, labels, predictions = labelled()
    contrasts = tuple(
        Contrast(name, "q", "secondary", "mae", "baseline", "vit", "", name) for name in ("accuracy", "auc")
    )
    auc = MetricFacts("auc", "AUC", True, (0.0, 1.0), 1, per_run=True)
    design = design_of(
        contrasts=contrasts, metrics={"accuracy": ACCURACY, "auc": auc}, rules=Rules(strata="class"), resamples=200
    )
    found = analyse(design, score_rows(values_of()).iloc[:0], predictions).findings
    cells = gather(design, score_rows(values_of()).iloc[:0], predictions)
    strata = strata_of(design, cells)
    assert strata is not None
    assert (np.diff(strata[np.argsort(labels, kind="stable")]) >= 0).all()
    weights = np.concatenate(list(image_weights(40, 200, 20240501, strata)))
    runs = [cells.predictions["vit"].probabilities[rows, :, 1] for rows in (slice(3, 6), slice(0, 3))]
    right = [((side > 0.5) == labels).astype(float).mean(axis=0) for side in runs]
    assert found[0].ci_bootstrap_models_low == pytest.approx(percentile(weights @ (right[0] - right[1]) / 40).low)
    replicates = []
    for row in weights.astype(int):
        picked = np.repeat(np.arange(40), row)
        sides = [np.mean([_auc(run[picked], labels[picked]) for run in side]) for side in runs]
        replicates.append(sides[0] - sides[1])
    assert found[1].ci_bootstrap_models_low == pytest.approx(percentile(np.array(replicates)).low)


def _auc(scores: np.ndarray, labels: np.ndarray) -> float:
    apart = scores[labels == 1][:, None] - scores[labels == 0]
    return float((np.sign(apart) + 1).mean() / 2)


def test_patients_with_several_classes_are_a_stratum_of_their_own() -> None:
    _, _, predictions = labelled(8)
    clusters = predictions["image_id"].map(lambda name: f"p{int(name[1:]) // 2}")
    design = design_of(rules=Rules(strata="class"))
    cells = gather(design, score_rows(values_of()).iloc[:0], predictions.assign(cluster=clusters))
    strata = strata_of(design, cells)
    assert strata is not None
    assert strata.tolist() == [1, 0, 1, 0]  # images 0, 4 have class 1; their patients hold both classes


def test_strata_without_predictions_are_refused() -> None:
    with pytest.raises(StudyError, match=r"no predictions.*set analysis.strata to none"):
        analyse(design_of(rules=Rules(strata="class")), score_rows(values_of()))


def test_costly_sizes_use_the_first_of_the_resampled_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    few = finding_of(values_of(), resamples=500)
    monkeypatch.setattr(resampled_effects, "FEWER", 500)
    more = finding_of(values_of(), resamples=1500)
    assert more.rank_biserial_low == few.rank_biserial_low
    assert more.p_improve_joint_high == few.p_improve_joint_high
    assert more.d_total_low == few.d_total_low
    assert more.d_av_low != few.d_av_low


def test_contrasts_that_are_not_primary_use_fewer_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampled_effects, "FEWEST", 200)
    secondary = (Contrast("c", "q", "secondary", "mae", "baseline", "vit", "gradcam", "ehr"),)
    found = finding_of(values_of(), resamples=1500, contrasts=secondary)
    few = finding_of(values_of(), resamples=200)
    assert (found.rank_biserial_low, found.d_total_low) == (few.rank_biserial_low, few.d_total_low)
    assert found.p_improve_joint_low == few.p_improve_joint_low
    assert found.d_av_low != few.d_av_low
