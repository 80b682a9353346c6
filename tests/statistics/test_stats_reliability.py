"""Whether a metric can carry a conclusion: alpha, dependability, and agreement with its namesakes."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from stats_study import FACTS, crossed_values, design_of, score_rows

from study.records import Analysis, MetricReliability
from study.registry import METRICS
from study.statistics import analyse, read_findings, write_findings
from study.statistics.components import agreement_on_order
from study.statistics.reliability import alpha_interval

Floats = NDArray[np.float64]
EHR = replace(FACTS, group="agreement")
PG = replace(FACTS, name="energy_pg", group="agreement")
MISS = replace(FACTS, name="miss", group="agreement", higher_is_better=False)
OTHER = replace(FACTS, name="insertion", group="faithfulness")


def krippendorff(values: Floats, distance: Any) -> float:
    """Alpha by its definition: pairs of values of one unit against pairs of any two values. `values` [units, coders]."""
    m = values.shape[1]
    inside = [distance(a, b) for unit in values for a, b in product(unit, unit)]
    anywhere = [distance(a, b) for a, b in product(values.ravel(), values.ravel())]
    observed = sum(inside) / (m - 1) / values.size
    return 1 - observed / (sum(anywhere) / (values.size * (values.size - 1)))


def reliable(values: dict[str, dict[str, Floats]], facts: Any, clusters: list[str] | None = None) -> Analysis:
    """Metric -> arm -> [S, n] values on one attribution."""
    arms = tuple(next(iter(values.values())))
    n_seeds = max(len(each) for each in next(iter(values.values())).values())
    rows = pd.concat([score_rows(each, metric, clusters) for metric, each in values.items()])
    return analyse(design_of(arms, n_seeds=n_seeds, contrasts=(), metrics={f.name: f for f in facts}), rows)


def of(analysis: Analysis, metric: str) -> MetricReliability:
    (found,) = [row for row in analysis.reliability if row.metric == metric]
    return found


# --------------------------------------------------------------------------------- alpha


def test_alpha_of_values_is_krippendorffs() -> None:
    values = np.random.default_rng(0).normal(0, 1, (4, 9)) + np.arange(4)[:, None]
    assert alpha_interval(values) == pytest.approx(krippendorff(values, lambda a, b: (a - b) ** 2))


def test_alpha_of_the_order_is_krippendorffs_ordinal_alpha_without_ties() -> None:
    ranks = stats.rankdata(np.random.default_rng(1).normal(0, 1, (5, 8)) + np.arange(5)[:, None], axis=0)

    def ordinal(a: float, b: float) -> float:
        low, high = min(a, b), max(a, b)
        return float(((ranks >= low) & (ranks <= high)).sum() - ((ranks == low).sum() + (ranks == high).sum()) / 2) ** 2

    assert agreement_on_order(ranks) == pytest.approx(krippendorff(ranks, ordinal))


def test_alpha_of_values_by_hand() -> None:
    # Units (0, 1) and (2, 3): within variance .5 each; all four values 5/3. 1 - .5 / (5/3) = .7
    assert alpha_interval(np.array([[0.0, 1.0], [2.0, 3.0]])) == pytest.approx(0.7)
    assert alpha_interval(np.array([[1.0, 1.0], [2.0, 2.0]])) == 1.0
    assert alpha_interval(np.ones((2, 2))) is None
    assert alpha_interval(np.ones((1, 5))) is None


def test_both_alphas_are_of_methods_on_the_reference_arm_not_of_arms() -> None:
    rng = np.random.default_rng(2)
    maps = {"gradcam": 0.7, "saliency": 0.5, "control_random": 0.2}
    values = {name: level + rng.normal(0, 0.02, (3, 30)) for name, level in maps.items()}
    rows = pd.concat(
        [score_rows({"baseline": v, "mae": rng.random((3, 30))}).assign(attribution=n) for n, v in values.items()]
    )
    design = design_of(attributions=("gradcam", "saliency"), controls=("control_random",), metrics={"ehr": EHR})
    analysis = analyse(design, rows)
    found = analysis.reliability[0]
    means = np.stack([each.mean(axis=0) for each in values.values()])
    assert (found.n_methods, found.n_blocks, found.blocks, found.arm) == (3, 30, "images", "baseline")
    assert found.alpha == pytest.approx(agreement_on_order(means))
    assert found.alpha_interval == pytest.approx(alpha_interval(means))
    assert [row.attribution for row in analysis.reliability] == ["gradcam", "saliency"]
    order = next(part.order_of_arms for part in analysis.components if part.attribution == "gradcam")
    assert order != pytest.approx(found.alpha)


# ----------------------------------------------------------------------------- namesakes


def test_namesakes_are_compared_over_images_run_by_run() -> None:
    drawn = crossed_values(np.random.default_rng(3), runs=3)
    noise = np.random.default_rng(4).normal(0, 0.1, drawn.shape)
    ehr, pg = (dict(zip(("baseline", "mae"), each, strict=True)) for each in (drawn, drawn + noise))
    analysis = reliable({"ehr": ehr, "energy_pg": pg, "insertion": pg}, (EHR, PG, OTHER))
    wanted = np.mean([stats.spearmanr(a, b).statistic for a, b in zip(ehr["baseline"], pg["baseline"], strict=True)])
    found = of(analysis, "ehr")
    assert found.others == ("energy_pg",)
    assert found.rhos == pytest.approx((wanted,))
    assert found.n_runs == 3
    assert of(analysis, "insertion").others == ()


def test_a_metric_of_the_other_direction_is_turned_so_that_agreement_is_positive() -> None:
    ehr = dict(zip(("baseline", "mae"), crossed_values(np.random.default_rng(5)), strict=True))
    analysis = reliable({"ehr": ehr, "miss": {arm: 1 - each for arm, each in ehr.items()}}, (EHR, MISS))
    assert of(analysis, "ehr").rhos == pytest.approx((1.0,))
    assert of(analysis, "miss").rhos == pytest.approx((1.0,))


def test_patients_count_once_by_their_mean() -> None:
    ehr = crossed_values(np.random.default_rng(6), images=40)
    pg = ehr + np.random.default_rng(7).normal(0, 0.2, ehr.shape)
    patients = [f"p{i // 4}" for i in range(40)]
    named = {n: dict(zip(("baseline", "mae"), v, strict=True)) for n, v in (("ehr", ehr), ("energy_pg", pg))}
    found = of(reliable(named, (EHR, PG), patients), "ehr")
    wanted = [
        stats.spearmanr(*(each.reshape(10, 4).mean(axis=1) for each in pair)).statistic
        for pair in zip(ehr[0], pg[0], strict=True)
    ]
    assert found.rhos == pytest.approx((np.mean(wanted),))


def test_images_without_a_value_of_either_metric_are_left_out_of_the_pair() -> None:
    ehr = crossed_values(np.random.default_rng(8), runs=2)
    pg = ehr**2
    ehr[0, 0, :5], pg[0, 0, 3:9] = np.nan, np.nan
    named = {n: dict(zip(("baseline", "mae"), v, strict=True)) for n, v in (("ehr", ehr), ("energy_pg", pg))}
    assert of(reliable(named, (EHR, PG)), "ehr").rhos == pytest.approx((1.0,))


def test_a_constant_metric_has_no_correlation_and_two_images_none() -> None:
    ehr = dict(zip(("baseline", "mae"), crossed_values(np.random.default_rng(9)), strict=True))
    flat = {arm: np.full_like(each, 0.3) for arm, each in ehr.items()}
    found = of(reliable({"ehr": ehr, "energy_pg": flat}, (EHR, PG)), "ehr")
    assert (found.rhos, found.n_runs) == ((None,), 0)
    two = {arm: each[:, :2] for arm, each in ehr.items()}
    assert of(reliable({"ehr": two, "energy_pg": two}, (EHR, PG)), "ehr").rhos == (None,)


def test_parts_of_one_score_are_no_namesakes() -> None:
    assert {METRICS[name].group for name in ("coherency", "complexity", "average_drop")} == {"masking"}
    parts = tuple(METRICS[name].facts(name) for name in ("coherency", "average_drop"))
    values = {fact.name: {"baseline": np.random.default_rng(1).random((2, 9))} for fact in parts}
    assert {row.others for row in reliable(values, parts).reliability} == {()}


def test_every_metric_of_the_registry_tells_its_group() -> None:
    assert {METRICS[name].facts(name).group for name in METRICS} <= {"agreement", "faithfulness", "masking", "sanity"}
    assert METRICS["ehr"].facts("ehr").group == "agreement"


# --------------------------------------------------------------------- what to buy next


def test_luck_of_runs_asks_for_seeds_and_arm_by_image_for_images() -> None:
    images, sizes = np.linspace(-0.2, 0.2, 20), np.array([[0.0], [0.3], [0.6]])
    noise = np.random.default_rng(10).normal(0, 1e-3, (2, 3, 20))
    runs = {"baseline": 0.3 + sizes + images + noise[0], "mae": 0.3 + sizes[::-1] + images + noise[1]}
    only_images = {"baseline": 0.5 + images + noise[0], "mae": 0.5 - images + noise[1]}
    for values, share in ((runs, 1.0), (only_images, 0.0)):
        (part,) = reliable({"ehr": values}, (EHR,)).components
        assert (part.n_runs, part.n_images) == (3.0, 20)
        assert part.share_runs == pytest.approx(share, abs=1e-3)
    (single,) = reliable({"ehr": {arm: each[:1] for arm, each in runs.items()}}, (EHR,)).components
    assert single.share_runs is None


def test_reliability_is_read_back(tmp_path: Path) -> None:
    ehr = dict(zip(("baseline", "mae"), crossed_values(np.random.default_rng(11)), strict=True))
    analysis = reliable({"ehr": ehr, "energy_pg": ehr}, (EHR, PG))
    write_findings(analysis, tmp_path)
    again = read_findings(tmp_path)
    assert (again.reliability, again.components) == (analysis.reliability, analysis.components)
    assert again.design.metrics["ehr"].group == "agreement"
