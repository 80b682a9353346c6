"""Agreement between runs: pairs share runs, so what varies is the run and the image, never the pair."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from stats_study import design_of, score_rows

from study.errors import StudyError
from study.records import Design, RunAgreement, RunStatus
from study.statistics import analyse, read_findings, write_findings
from study.statistics.agreement import AGREEMENT_COLUMNS, agreements, retrained
from study.statistics.influence import of_mean

Floats = NDArray[np.float64]


def table_of(values: dict[tuple[str, str], Any], clusters: list[str] | None = None) -> pd.DataFrame:
    """Rows of (run_a, run_b) -> [n] values; a run is called `arm-vit-seedS`."""
    frames = []
    for (a, b), row in values.items():
        images = [f"i{i}" for i in range(len(row))]
        frame = pd.DataFrame({"image_id": images, "cluster": clusters or images, "value": np.asarray(row, dtype=float)})
        arms = {"arm_a": a.split("-")[0], "arm_b": b.split("-")[0]}
        frames.append(frame.assign(model="vit", attribution="gradcam", run_a=a, run_b=b, **arms))
    return pd.concat(frames, ignore_index=True)[list(AGREEMENT_COLUMNS)]


def names_of(arm: str, n: int) -> list[str]:
    return [f"{arm}-vit-seed{s}" for s in range(n)]


def design_for(*sizes: int, arms: tuple[str, ...] = ("baseline", "mae"), **changes: Any) -> Design:
    runs = tuple(
        RunStatus(name, arm, "vit", s, "done")
        for arm, n in zip(arms, sizes, strict=False)
        for s, name in enumerate(names_of(arm, n))
    )
    return design_of(arms[: len(sizes)], contrasts=(), **({"runs": runs} | changes))


def within(n_runs: int, n_images: int, seed: int = 0) -> dict[tuple[str, str], Floats]:
    rng = np.random.default_rng(seed)
    return {pair: rng.uniform(0.2, 0.9, n_images) for pair in combinations(names_of("baseline", n_runs), 2)}


def found(design: Design, table: pd.DataFrame, arms: tuple[str, str] = ("baseline", "baseline")) -> RunAgreement:
    (row,) = [row for row in agreements(design, table) if (row.arm_a, row.arm_b) == arms]
    return row


def test_the_estimate_and_the_interval_of_these_models_by_hand() -> None:
    # Pairs 01, 02, 12; per image means .5, .6, .7, so t over three images, not over nine values.
    a, b, c = names_of("baseline", 3)
    row = found(design_for(3), table_of({(a, b): [0.4, 0.6, 0.8], (a, c): [0.5, 0.6, 0.7], (b, c): [0.6, 0.6, 0.6]}))
    assert row.estimate == pytest.approx(0.6)
    assert (row.n_pairs, row.n_images, row.n_runs_a, row.n_runs_b) == (3, 3, 3, 3)
    assert (row.lowest_pair, row.highest_pair) == pytest.approx((0.6, 0.6))
    assert row.sd_images == pytest.approx(0.1)
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert row.se_models == pytest.approx(0.1 / np.sqrt(3))
    assert (row.ci_models_low, row.ci_models_high) == pytest.approx((0.6 - half, 0.6 + half))


def test_fewer_than_four_runs_speak_of_the_trained_models_only() -> None:
    row = found(design_for(3), table_of(within(3, 10)))
    assert (row.status, row.se, row.ci_low, row.v_run) == ("agreement_models_only", None, None, None)
    assert row.ci_models_low is not None
    assert row.notes == ("agreement_models_only",)
    assert row.sentences_en[0].startswith("With 3 runs (fewer than 4) nothing is said about retraining")
    assert found(design_for(4), table_of(within(4, 10))).status == "ok"


def test_the_jackknife_over_runs_by_hand() -> None:
    # Pairs' means: with run 3 .2, else .8. theta = .5; without run 3 .8, without another (.2 + .2 + .8) / 3 = .4.
    runs = names_of("baseline", 4)
    values = {pair: np.array([0.1, 0.3] if runs[3] in pair else [0.7, 0.9]) for pair in combinations(runs, 2)}
    row = found(design_for(4), table_of(values))
    assert row.estimate == pytest.approx(0.5)
    without = np.array([0.4, 0.4, 0.4, 0.8])
    assert row.v_run == pytest.approx(3 / 4 * ((without - without.mean()) ** 2).sum())
    # every pair moves by -.1 and +.1 about its mean: h = -+.1 / sqrt(2), so each covariance is .01
    assert row.v_case == pytest.approx(0.01)
    assert row.se == pytest.approx(np.sqrt(0.09 + 0.01))
    assert row.df == pytest.approx(0.1**2 / (0.09**2 / 3 + 0.01**2 / 1))
    assert (row.lowest_pair, row.highest_pair) == pytest.approx((0.2, 0.8))


def test_between_arms_both_sides_are_left_out_in_turn_and_added() -> None:
    a, b = names_of("baseline", 4), names_of("mae", 4)
    effect_a, effect_b = np.array([0.0, 0.1, 0.2, 0.3]), np.array([0.0, 0.0, 0.0, 0.2])
    image = np.array([-0.05, 0.05])
    values = {(a[i], b[j]): 0.3 + effect_a[i] + effect_b[j] + image for i in range(4) for j in range(4)}
    row = found(design_for(4, 4), table_of(values), ("baseline", "mae"))
    assert row.estimate == pytest.approx(0.3 + effect_a.mean() + effect_b.mean())
    # of an additive kernel the jackknife is the variance of a mean: var / S on either side
    assert row.v_run == pytest.approx(effect_a.var(ddof=1) / 4 + effect_b.var(ddof=1) / 4)
    assert row.v_case == pytest.approx(image.var(ddof=1) / 2)
    assert row.n_pairs == 16


def test_the_order_of_two_runs_in_a_row_does_not_matter() -> None:
    values = within(4, 6)
    turned = {(b, a): row for (a, b), row in values.items()}
    design = design_for(4)
    assert agreements(design, table_of(values)) == agreements(design, table_of(turned))


def test_paired_seeds_leave_both_arms_at_once() -> None:
    a, b = names_of("baseline", 4), names_of("mae", 4)
    luck = np.array([0.0, 0.1, 0.2, 0.3])  # of the seed, shared by both arms
    values = {(a[i], b[j]): 0.2 + luck[i] + luck[j] + np.array([-0.05, 0.05]) for i in range(4) for j in range(4)}
    nested = found(design_for(4, 4), table_of(values), ("baseline", "mae"))
    paired = found(design_for(4, 4, seeding="paired"), table_of(values), ("baseline", "mae"))
    assert paired.v_run is not None
    assert nested.v_run is not None
    # twice the effect from one draw: 4 var / S, against 2 var / S of two independent ones
    assert nested.v_run == pytest.approx(2 * luck.var(ddof=1) / 4)
    assert paired.v_run == pytest.approx(4 * luck.var(ddof=1) / 4, rel=0.01)


def test_a_pair_of_a_run_with_itself_is_dropped() -> None:
    values: dict[tuple[str, str], Any] = dict(within(4, 6))
    own = {(name, name): np.ones(6) for name in names_of("baseline", 4)}
    assert agreements(design_for(4), table_of(values | own)) == agreements(design_for(4), table_of(values))


def test_one_run_has_no_pair_within_but_one_between() -> None:
    a, b = names_of("baseline", 1), names_of("mae", 1)
    rows = agreements(design_for(1, 1), table_of({(a[0], b[0]): [0.2, 0.4, 0.3]}))
    assert [(row.arm_a, row.arm_b, row.status, row.estimate) for row in rows] == [
        ("baseline", "baseline", "agreement_no_pair", None),
        ("baseline", "mae", "agreement_models_only", pytest.approx(0.3)),
        ("mae", "mae", "agreement_no_pair", None),
    ]
    assert rows[0].sentences_en == ("1 run of baseline has maps: there is no pair of runs to compare.",)


def test_identical_runs_agree_entirely_and_have_no_interval() -> None:
    row = found(design_for(4), table_of({pair: np.ones(8) for pair in combinations(names_of("baseline", 4), 2)}))
    assert (row.estimate, row.status, row.ci_low, row.ci_models_low) == (1.0, "agreement_constant", None, None)
    assert row.sentences_en == ("Every image has the same agreement (1.000): no interval.",)


def test_flat_maps_are_counted_and_leave_the_rest() -> None:
    values = within(4, 30)
    flat = names_of("baseline", 4)[0]
    for pair, row in values.items():
        if flat in pair:
            row[0] = np.nan
    kept = found(design_for(4), table_of(values))
    assert (kept.n_images, kept.n_undefined) == (29, 3)
    assert "3 of 180 pairs of maps have no rank correlation" in kept.sentences_en[0]
    assert kept.estimate == pytest.approx(np.mean([row[1:] for row in values.values()]))
    for row in values.values():
        row[:] = np.nan
    empty = found(design_for(4), table_of(values))
    assert (empty.status, empty.estimate, empty.n_images) == ("no_data", None, 0)


def test_many_flat_maps_leave_means_over_the_others() -> None:
    values = within(4, 10)
    first = next(iter(values.values()))
    first[:4] = np.nan
    row = found(design_for(4), table_of(values))
    per_image = np.nanmean(np.stack(list(values.values())), axis=0)
    assert row.n_images == 10
    assert row.estimate == pytest.approx(per_image.mean())


def test_patients_widen_the_interval_of_these_models() -> None:
    values = within(4, 6)
    doubled = {pair: np.repeat(row, 5) for pair, row in values.items()}
    patients = [f"p{i // 5}" for i in range(30)]
    alone, together = found(design_for(4), table_of(values)), found(design_for(4), table_of(doubled, patients))
    assert (together.n_images, together.n_clusters) == (30, 6)
    assert together.se_models == pytest.approx(alone.se_models)
    assert together.se == pytest.approx(alone.se)


def test_fine_tuning_runs_of_one_pretraining_count_as_one() -> None:
    runs = tuple(
        RunStatus(name, "baseline", "vit", s, "done", pretrain_key=f"key{s // 2}")
        for s, name in enumerate(names_of("baseline", 8))
    )
    values = within(8, 12)
    row = found(design_for(8, runs=runs), table_of(values))
    assert (row.n_runs_a, row.n_pairs) == (4, 6)
    apart = [v for (a, b), v in values.items() if int(a[-1]) // 2 != int(b[-1]) // 2]
    assert row.estimate == pytest.approx(np.mean(apart))  # pairs inside a pretraining run share its luck


def test_runs_that_diverged_or_are_unknown_are_left_out() -> None:
    design = design_for(4)
    lost = replace(design, runs=(*design.runs[:3], replace(design.runs[3], diverged=True)))
    row = found(lost, table_of(within(4, 6) | {("baseline-vit-seed0", "baseline-vit-seed9"): np.zeros(6)}))
    assert (row.n_runs_a, row.n_pairs) == (3, 3)


def test_a_method_that_draws_at_random_says_so() -> None:
    design = design_for(4, attributions=("smoothgrad",))
    table = table_of(within(4, 6)).assign(attribution="smoothgrad")
    assert found(design, table).notes == ("agreement_random",)


def test_bad_tables_are_refused() -> None:
    design, table = design_for(4), table_of(within(4, 6))
    with pytest.raises(StudyError, match="agreement: no column run_b; wanted model, arm_a, arm_b, attribution"):
        agreements(design, table.drop(columns="run_b"))
    with pytest.raises(StudyError, match="a pair of runs has more than one value for an image"):
        agreements(design, pd.concat([table, table]))
    with pytest.raises(StudyError, match="image 'i0' has more than one cluster"):
        agreements(design, table.assign(cluster=[f"p{i}" for i in range(len(table))]))
    assert agreements(design, None) == agreements(design, table[:0]) == ()


def test_it_is_part_of_the_analysis_and_read_back(tmp_path: Path) -> None:
    design = replace(design_for(4, 4), contrasts=design_of(("baseline", "mae")).contrasts)
    rng = np.random.default_rng(1)
    table = table_of(within(4, 6))
    analysis = analyse(design, score_rows({arm: rng.random((4, 6)) for arm in design.arms}), agreement=table)
    assert [(row.arm_a, row.arm_b) for row in analysis.agreement] == [("baseline", "baseline")]
    write_findings(analysis, tmp_path, agreement=table)
    assert read_findings(tmp_path).agreement == analysis.agreement
    assert len(pd.read_parquet(tmp_path / "agreement_pairs.parquet")) == len(table)


# ---------------------------------------------------------------------------- calibration


def drawn_pairs(rng: np.random.Generator, n_runs: int, n_images: int, *, run: float) -> Floats:
    """[P, n] agreement around .5: luck of both runs, of the image, of run on image, and of the pair."""
    effect, on_image = rng.normal(0, run, n_runs), rng.normal(0, 0.1, (n_runs, n_images))
    image = rng.normal(0, 0.15, n_images)
    pairs = list(combinations(range(n_runs), 2))
    noise = rng.normal(0, 0.05, (len(pairs), n_images)) + rng.normal(0, 0.01, (len(pairs), 1))
    return 0.5 + image + noise + np.stack([effect[i] + effect[j] + on_image[i] + on_image[j] for i, j in pairs])


@pytest.mark.slow
@pytest.mark.parametrize("run", [0.0, 0.03])
@pytest.mark.parametrize("n_runs", [4, 5, 8])
def test_the_interval_for_retraining_covers_and_pairs_as_observations_would_not(n_runs: int, run: float) -> None:
    rng, studies, n_images = np.random.default_rng(3), 1500, 40
    pairs = list(combinations(range(n_runs), 2))
    holds = (np.array([[u in pair for u in range(n_runs)] for pair in pairs]),)
    covered = naive = 0
    for _ in range(studies):
        values = drawn_pairs(rng, n_runs, n_images, run=run)
        figures = of_mean(values, np.arange(n_images))
        error = abs(figures.figures.mean() - 0.5)
        again = retrained(figures, holds)
        covered += error <= stats.t.ppf(0.975, again.df) * again.se
        spread = figures.figures.std(ddof=1) / np.sqrt(len(pairs))  # the trap: ten pairs as ten observations
        naive += error <= stats.t.ppf(0.975, len(pairs) - 1) * spread
    assert 0.925 <= covered / studies <= 0.985
    assert naive / studies < 0.8
