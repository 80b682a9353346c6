"""What depends on the other contrasts of a family: simultaneous intervals, the gate, the choice of adjustment."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from stats_study import crossed_values, design_of, finding_of, score_rows

from study.records import Contrast, Finding, Rules, RunStatus
from study.statistics import analyse
from study.statistics.bootstrap import image_weights, run_weights
from study.statistics.multiplicity import adjust

ARMS = ("baseline", "a", "b", "c")


def values_of(seed: int = 5, *, shift: float = 0.0, runs: int = 4, images: int = 40) -> dict[str, np.ndarray]:
    values = crossed_values(np.random.default_rng(seed), arms=4, runs=runs, images=images)
    values[1] += shift
    return dict(zip(ARMS, values, strict=True))


def found(
    values: Mapping[str, Any], rules: Rules, families: Mapping[str, str] | None = None, **changes: Any
) -> list[Finding]:
    """One contrast per arm against the baseline; each arm is a question of its own."""
    kinds = families or dict.fromkeys(list(values)[1:], "primary")
    contrasts = tuple(
        Contrast(arm, "q", kind, arm.partition(":")[0], "baseline", "vit", "gradcam", "ehr")  # type: ignore[arg-type]
        for arm, kind in kinds.items()
    )
    runs = tuple(RunStatus(f"{a}-vit-seed{s}", a, "vit", s, "done") for a in values for s in range(len(values[a])))
    design = design_of(tuple(values), contrasts=contrasts, runs=runs, rules=rules, **({"resamples": 2000} | changes))
    return list(analyse(design, score_rows(values)).findings)


def test_simultaneous_limits_come_from_the_largest_studentised_difference() -> None:
    values = values_of()
    findings = found(values, Rules(simultaneous=True))
    weights = np.concatenate(list(image_weights(40, 2000, 20240501)))
    runs = {arm: run_weights(arm, 4, 2000, 20240501) for arm in values}
    means = {arm: np.einsum("bs,bi,si->b", runs[arm], weights, values[arm]) / 40 for arm in values}
    replicates = np.stack([means[arm] - means["baseline"] for arm in ARMS[1:]], axis=1)
    estimates = np.array([finding.estimate for finding in findings], dtype=float)
    largest = np.abs((replicates - estimates) / replicates.std(axis=0, ddof=1)).max(axis=1)
    critical = np.sort(largest)[::-1][99]  # 99 + 1 of 2001 is below .05, 100 + 1 is not
    for finding in findings:
        assert finding.df is not None
        factor = stats.t.ppf(0.975, finding.df) / stats.norm.ppf(0.975)
        half = critical * factor * finding.se  # type: ignore[operator]
        assert finding.ci_simultaneous_low == pytest.approx(finding.estimate - half)  # type: ignore[operator]
        assert finding.ci_simultaneous_high == pytest.approx(finding.estimate + half)  # type: ignore[operator]
        assert finding.simultaneous_critical == pytest.approx(critical * factor)
        assert finding.ci_simultaneous_low < finding.ci_low  # type: ignore[operator]
        assert 0 < finding.simultaneous_error < half / 5  # type: ignore[operator]
        hits = (largest >= abs(finding.t) / factor).sum()  # type: ignore[arg-type]
        assert finding.p_adjusted == pytest.approx((hits + 1) / 2001)
        assert finding.adjustment == "max_t"


def test_interval_and_p_of_a_simultaneous_family_cannot_disagree() -> None:
    told_apart = 0
    for seed in range(8):
        for finding in found(values_of(seed, shift=0.07), Rules(simultaneous=True), resamples=400):
            assert finding.ci_simultaneous_low is not None
            assert finding.ci_simultaneous_high is not None
            excludes = finding.ci_simultaneous_low > 0 or finding.ci_simultaneous_high < 0
            assert excludes == (finding.p_adjusted < 0.05)  # type: ignore[operator]
            told_apart += excludes
    assert 0 < told_apart < 24


def test_a_family_of_one_has_its_plain_interval() -> None:
    values = {arm: each for arm, each in values_of().items() if arm in ("baseline", "a")}
    finding = found(values, Rules(simultaneous=True), resamples=20_000)[0]
    assert finding.simultaneous_critical == pytest.approx(stats.t.ppf(0.975, finding.df), rel=0.04)


def test_ten_runs_or_more_are_not_scaled_by_t() -> None:
    values = values_of(runs=10)
    criticals = [finding.simultaneous_critical for finding in found(values, Rules(simultaneous=True), resamples=400)]
    assert len(set(criticals)) == 1
    few = [finding.simultaneous_critical for finding in found(values_of(), Rules(simultaneous=True), resamples=400)]
    assert len(set(few)) == 3


def test_declared_tests_without_a_p_make_the_others_harder() -> None:
    values = values_of(shift=0.08)
    rules = Rules(simultaneous=True)
    kinds = {"a": "primary", "b": "primary"}
    alone = found(values, rules, kinds)
    absent = Contrast("x", "q", "primary", "a", "baseline", "vit", "gradcam", "never_run")
    contrasts = tuple(Contrast(arm, "q", "primary", arm, "baseline", "vit", "gradcam", "ehr") for arm in ("a", "b"))
    runs = tuple(RunStatus(f"{a}-vit-seed{s}", a, "vit", s, "done") for a in values for s in range(4))
    base = design_of(tuple(values), runs=runs, rules=rules, resamples=2000)
    facts = {**base.metrics, "never_run": replace(base.metrics["ehr"], name="never_run")}
    design = replace(base, contrasts=(*contrasts, absent), metrics=facts)
    with_absent = analyse(design, score_rows(values)).findings
    assert [finding.m for finding in with_absent] == [3, 3, 3]
    assert with_absent[0].p_adjusted == pytest.approx(min(1, 1.5 * alone[0].p_adjusted))  # type: ignore[operator]
    assert with_absent[0].simultaneous_critical > alone[0].simultaneous_critical  # type: ignore[operator]
    assert (with_absent[2].p_adjusted, with_absent[2].ci_simultaneous_low) == (None, None)


def test_one_run_per_arm_has_simultaneous_intervals_for_these_models() -> None:
    finding = found(values_of(runs=1), Rules(simultaneous=True))[0]
    assert finding.status == "insufficient_runs"
    assert finding.ci_simultaneous_low < finding.ci_models_low  # type: ignore[operator]
    assert finding.adjustment == "max_t"


def test_a_family_that_cannot_be_resampled_keeps_holm_and_says_so() -> None:
    findings = found(values_of(images=7), Rules(simultaneous=True))
    assert {finding.adjustment for finding in findings} == {"holm"}
    assert all("simultaneous_impossible" in finding.notes for finding in findings)
    assert findings[0].ci_simultaneous_low is None


def test_plain_intervals_are_the_default() -> None:
    finding = found(values_of(), Rules())[0]
    assert (finding.ci_simultaneous_low, finding.adjustment, finding.confirmatory) == (None, "holm", None)


def test_secondary_p_keep_their_adjustment_beside_simultaneous_intervals() -> None:
    kinds = {"a": "secondary", "b": "secondary", "c": "secondary"}
    findings = found(values_of(), Rules(simultaneous=True, adjust_secondary="by"), kinds)
    raw = [finding.p_value for finding in findings]
    assert [finding.p_adjusted for finding in findings] == pytest.approx(adjust(raw, "by"))
    assert {finding.adjustment for finding in findings} == {"by"}
    assert findings[0].ci_simultaneous_low is not None


@pytest.mark.parametrize(("shift", "is_open"), [(0.15, True), (0.0, False)])
def test_the_gate_opens_where_the_primary_contrast_is_told_apart(shift: float, is_open: bool) -> None:
    kinds = {"a": "primary", "b": "secondary"}
    primary, secondary = found(values_of(shift=shift), Rules(gate=True), kinds)
    assert (primary.p_adjusted < 0.05) == is_open  # type: ignore[operator]
    assert primary.confirmatory is None
    assert secondary.confirmatory is is_open
    assert ("gate_closed" in secondary.notes) is not is_open


def test_the_gate_of_a_question_without_a_primary_contrast_is_closed() -> None:
    assert found(values_of(), Rules(gate=True), {"b": "secondary"})[0].confirmatory is False


# ------------------------------------------------------------------ one run variance


def test_pooled_run_variance_gives_every_contrast_one_standard_error_and_more_df() -> None:
    values = values_of()
    own, pooled = found(values, Rules()), found(values, Rules(pool_run_variance=True))
    assert {finding.run_variance for finding in own} == {"own"}
    assert {finding.run_variance for finding in pooled} == {"pooled"}
    assert len({round(finding.se, 12) for finding in pooled}) == 1  # type: ignore[arg-type]
    figures = np.stack([values[arm].mean(axis=1) for arm in ARMS])
    mean_square = figures.var(axis=1, ddof=1).mean()
    for finding in pooled:
        assert finding.v_run == pytest.approx(2 / 4 * mean_square)
        total = finding.v_run + max(finding.v_case, 0)  # type: ignore[type-var]
        assert finding.df == pytest.approx(total**2 / (finding.v_run**2 / 12))  # type: ignore[operator]
        assert finding.d_run == pytest.approx(finding.estimate / np.sqrt(mean_square))  # type: ignore[operator]
        assert "One run variance for all 4 arms (16 runs)" in " ".join(finding.sentences_en)
    assert min(f.df for f in pooled) > max(f.df for f in own)  # type: ignore[type-var]


def test_other_readings_of_undefined_values_pool_as_the_contrast_does() -> None:
    values = values_of(images=60)
    values["a"][0, :10] = np.nan
    finding = found(values, Rules(pool_run_variance=True), {"a": "primary"})[0]
    kept = {arm: each[:, 10:] for arm, each in values.items()}
    alone = found(kept, Rules(pool_run_variance=True), {"a": "primary"})[0]
    assert finding.p_undefined_dropped == pytest.approx(alone.p_value)
    assert alone.run_variance == "pooled"


def test_two_arms_are_not_pooled_and_say_so() -> None:
    values = values_of()
    two = {arm: values[arm] for arm in ("baseline", "a")}
    finding = finding_of(two, rules=Rules(pool_run_variance=True))
    assert finding.run_variance == "own"
    assert "pooling_refused" in finding.notes
    assert finding.se == finding_of(two).se


def test_an_arm_of_one_run_lends_no_variance() -> None:
    values = values_of()
    values["c"] = values["c"][:1]
    kinds = {"a": "primary"}
    finding = found(values, Rules(pool_run_variance=True), kinds)[0]
    assert "One run variance for all 3 arms (12 runs)" in " ".join(finding.sentences_en)


def test_paired_seeds_are_never_pooled() -> None:
    finding = found(values_of(), Rules(pool_run_variance=True), {"a": "primary"}, seeding="paired")[0]
    assert finding.run_variance == "paired"
    assert "pooling_paired" in finding.notes
