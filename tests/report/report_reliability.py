"""Made-up comparisons of all arms, agreement between runs and reliability: invented, for layout only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from report_rankings import _quantile
from scipy import stats

from study.records import Components, Design, MetricReliability, Omnibus, RunAgreement


def components(design: Design, metric: str) -> Iterator[Components]:
    """One per model: the first varies over runs, the second over images."""
    for place, model in enumerate(design.models):
        share = (0.83, 0.24)[place % 2]
        values = (0.0001, 0.0003, 0.0012, 0.01)
        more = {"raw_run": values[0], "raw_arm_by_image": values[1], "raw_image": values[3], "dependability": 0.71}
        sizes = {"n_runs": float(len(design.seeds)), "n_images": 60, "share_runs": share}
        yield Components(model, design.attributions[0], metric, *values, **more, **sizes)  # type: ignore[arg-type]


def omnibus(design: Design, metrics: Sequence[str], *, n: int) -> Iterator[Omnibus]:
    """All arms by every metric; repeated measures and ranks of random values, a made-up F for retraining."""
    k, rng = len(design.arms), np.random.default_rng(12)
    if k < 3:
        return
    difference = _quantile(k) * float(np.sqrt(k * (k + 1) / (12 * n)))
    one = len(design.seeds) < 2
    for model in design.models:
        for attribution in design.attributions:
            for metric in metrics:
                values = 0.5 + 0.05 * np.arange(k)[:, None] + rng.normal(0, 0.1, (k, n))
                ranks = stats.rankdata(-values, axis=0).mean(axis=1).tolist()
                test = stats.friedmanchisquare(*values)
                order = sorted(range(k), key=lambda i: ranks[i])
                near = tuple(design.arms[i] for i in order if ranks[i] - ranks[order[0]] < difference)
                p = (None, *(min(1.0, 0.004 * (i + 1)) for i in range(k - 1)))
                yield Omnibus(
                    model,
                    attribution,
                    metric,
                    design.metrics[metric].higher_is_better,
                    design.arms,
                    design.reference,
                    "insufficient_runs" if one else "ok",
                    n_runs=(len(design.seeds),) * k,
                    n_images=n,
                    n_blocks=n,
                    means=tuple(values.mean(axis=1).tolist()),
                    f_recipe=None if one else 1.934,
                    df1_recipe=None if one else float(k - 1),
                    df2_recipe=None if one else 17.336,
                    p_recipe=None if one else 0.174,
                    f_models=4.06,
                    df1_models=2.38,
                    df2_models=69.1,
                    p_models=0.0161,
                    friedman_chi2=float(test.statistic),
                    friedman_p=float(test.pvalue),
                    kendall_w=float(test.statistic) / (n * (k - 1)),
                    iman_davenport_f=4.9,
                    iman_davenport_p=0.0004,
                    average_ranks=tuple(ranks),
                    critical_difference=difference,
                    groups=(near,) if len(near) > 1 else (),
                    p_nemenyi=tuple(None if value is None else 2 * value for value in p),
                    p_wilcoxon=p,
                    p_holm=p,
                    notes=("insufficient_runs",) if one else (),
                    sentences_en=("One run of baseline: nothing can be said about retraining.",) if one else (),
                    sentences_ko=("실행 1회 (baseline): 재학습 결과에 대해서는 말할 수 없음.",) if one else (),
                )


def run_agreement(design: Design, *, n: int) -> Iterator[RunAgreement]:
    """Every arm with every arm; intervals for retraining from four seeds on."""
    rng, runs = np.random.default_rng(13), len(design.seeds)
    for model in design.models:
        for attribution in design.attributions:
            for i, arm in enumerate(design.arms):
                for other in design.arms[i:]:
                    value = (0.62 if arm == other else 0.41) + float(rng.normal(0, 0.03))
                    pairs = runs * (runs - 1) // 2 if arm == other else runs**2
                    if not pairs:
                        yield RunAgreement(model, attribution, arm, other, "agreement_no_pair", runs, runs)
                        continue
                    recipe = {"se": 0.03, "df": 5.1, "ci_low": value - 0.07, "ci_high": value + 0.07}
                    yield RunAgreement(
                        model,
                        attribution,
                        arm,
                        other,
                        "ok" if runs > 3 else "agreement_models_only",
                        n_runs_a=runs,
                        n_runs_b=runs,
                        n_pairs=pairs,
                        n_images=n,
                        n_clusters=n,
                        estimate=value,
                        lowest_pair=value - 0.1,
                        highest_pair=value + 0.1,
                        sd_images=0.12,
                        se_models=0.015,
                        df_models=float(n - 1),
                        ci_models_low=value - 0.03,
                        ci_models_high=value + 0.03,
                        **(recipe if runs > 3 else {}),
                        notes=() if runs > 3 else ("agreement_models_only",),
                        sentences_en=() if runs > 3 else (f"With {runs} runs (fewer than 4).",),
                        sentences_ko=() if runs > 3 else (f"실행 {runs}회(4회 미만).",),
                    )


def reliability(design: Design, metrics: Sequence[str], *, n: int) -> Iterator[MetricReliability]:
    """Every metric; the second one does not hang together."""
    for model in design.models:
        for attribution in design.attributions:
            for place, metric in enumerate(metrics):
                group = design.metrics[metric].group
                others = tuple(m for m in metrics if m != metric and design.metrics[m].group == group)
                yield MetricReliability(
                    model,
                    attribution,
                    metric,
                    design.reference,
                    n_methods=len(design.attributions) + len(design.controls),
                    n_blocks=n,
                    alpha=0.21 if place == 1 else 0.64,
                    alpha_interval=0.18 if place == 1 else 0.52,
                    dependability=0.71 if len(design.arms) > 1 else None,
                    others=() if group == "masking" else others,
                    rhos=() if group == "masking" else tuple(0.85 - 0.3 * i for i, _ in enumerate(others)),
                    n_runs=len(design.seeds),
                )
