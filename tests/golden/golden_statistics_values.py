"""What our statistics say about a folder laid out like golden_stats: id -> value, made from its CSV files only."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from study.statistics import auc as roc
from study.statistics import bootstrap, companions, effect_sizes, equivalence, factorial, omnibus, planning
from study.statistics.components import mean_squares, variance_components
from study.statistics.floats import Floats, Integers, rounded
from study.statistics.influence import by_jackknife, of_mean
from study.statistics.multiplicity import METHODS, adjust
from study.statistics.pooled import crossed_pooled
from study.statistics.primary import ArmFigures, Crossed, covariances, crossed

Values = Iterator[tuple[str, float]]
RESAMPLES, SEED = 10_000, 20240501


def everything(folder: Path) -> dict[str, float]:
    """Every id that this package can compute for the folder."""
    return {name: float(value) for prefix in SOURCES for name, value in SOURCES[prefix](folder)}


def _fields(prefix: str, result: object, **names: str) -> Values:
    for theirs, ours in names.items():
        yield f"{prefix}.{theirs}", getattr(result, ours)


def _difference(prefix: str, result: Crossed, *names: str) -> Values:
    ours = {"p": "p_value", "df_hillis": "df_runs", "v_case_raw": "v_case"}
    for name in names:
        yield f"{prefix}.{name}", float(getattr(result, ours.get(name, name)))


def _arms(folder: Path, file: str, arm: str | list[str] = "arm") -> dict[str, Floats]:
    """Arm -> [S, n] values in the order of the file, NaN where a cell is absent or empty."""
    table = pd.read_csv(folder / file)
    names = [arm] if isinstance(arm, str) else arm
    table["_arm"] = table[names].astype(str).agg(".".join, axis=1)
    wide = table.pivot(index=["_arm", "seed"], columns="image", values="value")
    return {name: wide.loc[name].to_numpy() for name in dict.fromkeys(table["_arm"])}


def _alone(values: Floats) -> ArmFigures:
    return of_mean(values, np.arange(values.shape[1]))


# ---------------------------------------------------------------- A: paired images


def paired_images(folder: Path) -> Values:
    table = pd.read_csv(folder / "A_paired_images.csv")
    base, candidate = (table.iloc[:, column].to_numpy(dtype=float) for column in (1, 2))
    d, n = rounded(candidate - base, 1.0), len(table)
    test = companions.images_test(d)
    yield from {"A.n": n, "A.n_zero_diff": (d == 0).sum(), "A.mean_baseline": base.mean()}.items()
    yield from {"A.mean_candidate": candidate.mean(), "A.mean_diff": test.estimate, "A.sd_diff": d.std(ddof=1)}.items()
    yield from {"A.sd_baseline": base.std(ddof=1), "A.sd_candidate": candidate.std(ddof=1)}.items()
    yield from {"A.sem_diff": test.se, "A.median_diff": np.median(d)}.items()
    yield from _fields("A.t", test, t="t", df="df", p="p_value", ci_low="ci_low", ci_high="ci_high")
    yield "A.t.p_greater", stats.t.sf(test.t, test.df)
    yield "A.hodges_lehmann", companions.hodges_lehmann(d)
    yield from _ranks(d)
    yield from _sizes(base, candidate, d)
    yield from _margins(folder, test)
    yield from _image_bootstrap(folder, d)
    yield "A.power.at_observed_strict", planning.paired_power(effect_sizes.dz(d).value, n)
    yield "A.power.n_for_dz0.3_80", planning.paired_images_for(0.3)
    yield "A.power.mde_dz_80", planning.paired_smallest_dz(n)


def _ranks(d: Floats) -> Values:
    for name, zeros in (("wilcoxon", "drop"), ("pratt", "pratt"), ("zsplit", "zsplit")):
        rank = companions.signed_rank(d, zeros)
        yield from _fields(f"A.{name}", rank, n_nonzero="n_nonzero", W_plus="w_plus", W_minus="w_minus", z="z")
        yield from _fields(f"A.{name}", rank, p_exact_conditional="p_exact", p_asymptotic="p_normal")
        yield from _fields(f"A.{name}", rank, p_asymptotic_cc="p_corrected")
        size = effect_sizes.rank_biserial(rank.w_plus, rank.w_minus)
        yield {"wilcoxon": "A.rank_biserial", "zsplit": "A.rank_biserial_zeros_kept"}.get(name, "-"), size
    n_plus, _, p_sign = companions.sign_test(d)
    yield from {"A.sign.n_plus": n_plus, "A.sign.p": p_sign}.items()
    yield "A.signflip.p_exact", companions.sign_flip(np.rint(np.abs(d) * 100).astype(np.int64), d > 0)


def _sizes(base: Floats, candidate: Floats, d: Floats) -> Values:
    size, factor, m = effect_sizes.dz(d), effect_sizes.small_sample_factor(len(d)), len(d) - 1
    yield from {"A.dz": size.value, "A.dz_ci_low": size.low, "A.dz_ci_high": size.high, "A.hedges_J": factor}.items()
    yield from {"A.gz": size.value * factor, "A.gz_effectsize": size.value * factor}.items()
    yield "A.gz_approx_J", size.value * (1 - 3 / (4 * m - 1))
    yield from {"A.d_av": effect_sizes.d_av(candidate, base), "A.d_rm": effect_sizes.d_rm(candidate, base)}.items()
    yield "A.prob_improvement_paired", effect_sizes.improvements(d, True).mean()
    yield "A.A12_unpaired", effect_sizes.a12(candidate, base)
    yield "A.cor_pearson", np.corrcoef(base, candidate)[0, 1]


def _margins(folder: Path, test: companions.TTest) -> Values:
    settings = json.loads((folder / "settings.json").read_text())
    delta, margin = settings["A_tost_delta"], settings["A_ni_margin"]
    same = equivalence.tost(test.estimate, test.se, test.df, margin=delta)
    yield from {"A.tost.delta": delta, "A.ni.margin": margin}.items()
    yield from _fields("A.tost", same, t_lower="t_lower", p_lower="p_lower", t_upper="t_upper", p_upper="p_upper")
    yield from _fields("A.tost", same, p="p_value", ci90_low="ci_low", ci90_high="ci_high")
    better = equivalence.noninferiority(test.estimate, test.se, test.df, margin=margin)
    yield from _fields("A.ni", better, t="t", p="p_value", lower95_one_sided="limit")


def _image_bootstrap(folder: Path, d: Floats) -> Values:
    weights = pd.read_csv(folder / "A_boot_weights.csv").to_numpy(dtype=float)
    ones, n = np.ones((len(d), 1)), len(d)
    replicates = bootstrap.weighted_means(weights, d[:, None], ones)[:, 0]
    accelerated = bootstrap.acceleration((d.sum() - d) / (n - 1))
    yield "A.bca.acceleration", accelerated
    yield from {"A.bootw.mean": replicates.mean(), "A.bootw.se": replicates.std(ddof=1)}.items()
    yield from _fields("A.bootw", bootstrap.percentile(replicates), pct_low="low", pct_high="high")
    yield from _fields("A.bootw", bootstrap.basic(replicates, d.mean()), basic_low="low", basic_high="high")
    limits = bootstrap.bca(replicates, d.mean(), accelerated)
    yield from _fields("A.bootw", limits, bca_low="low", bca_high="high", bca_z0_midp="z0")
    yield from _fields("A.bootw", limits, bca_alpha_low="alpha_low", bca_alpha_high="alpha_high")
    yield "A.boot.se_infinite", d.std() / np.sqrt(n)
    drawn = np.concatenate([w @ d / n for w in bootstrap.image_weights(n, RESAMPLES, SEED)])
    yield from _fields("A.boot", bootstrap.percentile(drawn), pct_low="low", pct_high="high")
    yield from _fields("A.boot", bootstrap.bca(drawn, d.mean(), accelerated), bca_low="low", bca_high="high")


# ------------------------------------------------------------ B, S: crossed, nested


def crossed_nested(folder: Path) -> Values:
    arms = _arms(folder, "B_crossed_nested.csv")
    figures = {arm: _alone(values) for arm, values in arms.items()}
    for arm, values in arms.items():
        yield f"B.mean.{arm}", figures[arm].figures.mean()
        yield f"B.sd_runs.{arm}", figures[arm].figures.std(ddof=1)
        yield f"B.sd_images.{arm}", values.mean(axis=0).std(ddof=1)
    squares, parts = mean_squares(list(arms.values())), variance_components(list(arms.values()))
    yield from _fields("B.ms", squares, arm="arm", image="image", run_in_arm="run_in_arm", arm_image="arm_image")
    yield "B.ms.residual", squares.residual
    names = {"run": "run", "image_arm": "arm_by_image", "image": "image", "Residual": "residual"}
    yield from _fields("B.lmer.var", parts, **names)  # REML is ANOVA where the design is balanced
    yield from _fields("B.vc", parts, run="run", arm_image="arm_by_image", image="image", residual="residual")
    covariance, test = omnibus.mean_covariances(list(figures.values())), omnibus.nested_f(list(figures.values()))
    yield from _fields("B.or", covariance, var_error="error", cov2="cov2", cov3="cov3_nested")
    yield from _fields("B.or", test, ms_T="ms_arms", ms_R_in_T="ms_runs", F="f", df2_hillis="df2", p="p_value")
    control, *others = arms
    for arm in others:
        yield from _pooled(arm, list(figures.values()), [float((a == arm) - (a == control)) for a in figures])
        yield from _against(f"B.{{}}.{arm}", arms[arm], arms[control])
        yield from _product_bootstrap(folder, arms, arm)


def _pooled(arm: str, figures: list[ArmFigures], weights: list[float]) -> Values:
    """One run variance for all arms, which in a balanced design is the mixed model with crossed random effects."""
    result = crossed_pooled(figures, weights)
    yield from _difference(f"B.or.pooled.{arm}", result, "estimate", "se", "df", "p")
    for method in ("kr", "satt"):
        yield from _difference(f"B.lmer.{method}.{arm}", result, "estimate", "se", "df", "t", "p")


def _against(prefix: str, arm: Floats, control: Floats) -> Values:
    sides = _alone(arm), _alone(control)
    result = crossed(sides, (1.0, -1.0))
    name = prefix.format("or.pair")
    yield from {f"{name}.v_run_arm": float(result.v_run[0]), f"{name}.v_run_base": float(result.v_run[1])}.items()
    yield from _difference(name, result, "v_case", "se", "df_hillis", "df", "t", "p", "ci_low", "ci_high")
    runs = companions.runs_test(sides[0].figures, sides[1].figures)
    yield from _fields(prefix.format("seed_welch"), runs, t="t", df="df", p="p_value")
    images = companions.images_test(arm.mean(axis=0) - control.mean(axis=0))
    yield from _fields(prefix.format("image_t"), images, t="t", p="p_value")
    yield prefix.format("boot_exact_closed") + ".se", bootstrap.closed_form_se(arm, control)
    yield prefix.format("boot_exact") + ".se", _quadratic_form_se(arm, control)


def _quadratic_form_se(arm: Floats, control: Floats) -> float:
    """Exact second moments of product multinomial weights with S draws, written out cell by cell."""

    def moments(size: int) -> Floats:
        return np.asarray((np.eye(size) * size - 1) / size**3 + 1 / size**2)

    images, total = moments(arm.shape[1]), 0.0
    for values in (arm, control):
        spread = values - values.mean()
        total += float(np.einsum("si,st,ij,tj->", spread, moments(len(values)), images, spread))
    left, right = (values.mean(axis=0) - values.mean() for values in (arm, control))
    return float(np.sqrt(total - 2 * left @ images @ right))


def _product_bootstrap(folder: Path, arms: dict[str, Floats], arm: str) -> Values:
    table = pd.read_csv(folder / "B_boot_weights.csv")
    images = table.filter(like="img:").to_numpy(dtype=float)
    control = next(iter(arms))
    sides = [bootstrap.weighted_means(images, arms[a].T, np.ones((images.shape[1], 1))) for a in (arm, control)]
    runs = [table.filter(like=f"run:{a}-").to_numpy(dtype=float) for a in (arm, control)]
    equal = [np.ones_like(side) for side in sides]
    for name, weights in (("bootw", runs), ("bootw_images_only", equal)):
        replicates = bootstrap.two_way(sides[0], sides[1], (weights[0], weights[1]))
        yield f"B.{name}.{arm}.se", replicates.std(ddof=1)
        yield from _fields(f"B.{name}.{arm}", bootstrap.percentile(replicates), pct_low="low", pct_high="high")


def boundary(folder: Path) -> Values:
    arms = list(_arms(folder, "S_boundary.csv").values())
    parts = variance_components(arms)
    yield from {"S.vc.run_raw": parts.run, "S.vc.arm_image_raw": parts.arm_by_image}.items()
    result = crossed((_alone(arms[1]), _alone(arms[0])), (1.0, -1.0))
    yield from _difference("S.or", result, "v_case_raw", "estimate", "se", "df", "p")


# ------------------------------------------------------------- C: paired, patients


def paired_missing(folder: Path) -> Values:
    table = pd.read_csv(folder / "C_paired_missing.csv")
    wide = table.pivot(index=["arm", "seed"], columns="image", values="value")
    patients = table.drop_duplicates("image").set_index("image")["patient"].reindex(wide.columns)
    clusters = pd.factorize(patients)[0].astype(np.int64)
    control, arm = dict.fromkeys(table["arm"])
    finite_images = wide.notna().any()
    yield from {"C.n_rows": len(table), "C.n_nan": table["value"].isna().sum()}.items()
    yield from {"C.n_images_listed": wide.shape[1], "C.n_images_usable": finite_images.sum()}.items()
    seeds = wide.loc[arm].index.intersection(wide.loc[control].index)
    d = (wide.loc[arm].loc[seeds] - wide.loc[control].loc[seeds]).to_numpy()
    yield from _paired_cells(d, clusters)
    yield from _paired_block(d)


def _paired_cells(d: Floats, clusters: Integers) -> Values:
    cells = np.isfinite(d)
    used = cells.any(axis=0)
    by_image = np.nanmean(d[:, used], axis=0)
    codes = np.unique(clusters[used], return_inverse=True)[1]
    yield from {"C.paired.n_cells": cells.sum(), "C.paired.n_seeds": cells.any(axis=1).sum()}.items()
    yield from {"C.paired.n_images": used.sum(), "C.paired.n_patients": codes.max() + 1}.items()
    plain = companions.images_test(by_image)
    yield from _fields("C.image", plain, mean_diff="estimate", t="t", p="p_value")
    robust = companions.images_test(by_image, codes)
    yield from {"C.cluster.se_CR1": robust.se, "C.cluster.se_linearised_G": robust.se}.items()
    reduced = companions.images_test_cr2(by_image, codes)
    yield from {"C.cluster.se_CR2": reduced.se, "C.cluster.cr2_df": reduced.df}.items()
    yield "C.cluster.cr2_p", reduced.p_value
    n_patients = int(codes.max()) + 1
    yield "C.cluster.se_CR0", robust.se * np.sqrt((n_patients - 1) / n_patients)
    each = companions.images_test(by_image, codes, weight="patient")
    yield from _fields("C.patient_mean", each, estimate="estimate", t="t", p="p_value")
    seed_means = np.nanmean(d, axis=1)
    runs = companions.runs_test(seed_means, np.zeros_like(seed_means), paired=True)
    yield from _fields("C.seed", runs, mean_diff="estimate", t="t", df="df", p="p_value")
    totals, sizes = np.bincount(codes, weights=by_image), np.bincount(codes).astype(float)
    without = (totals.sum() - totals) / (sizes.sum() - sizes)
    accelerated = bootstrap.acceleration(without)
    yield "C.clusterboot.bca_acceleration_delete_one_patient", accelerated
    drawn = bootstrap.image_weights(n_patients, RESAMPLES, SEED)
    replicates = np.concatenate([bootstrap.weighted_means(w, totals[:, None], sizes[:, None])[:, 0] for w in drawn])
    yield "C.clusterboot.se", replicates.std(ddof=1)
    yield from _fields("C.clusterboot", bootstrap.percentile(replicates), pct_low="low", pct_high="high")
    limits = bootstrap.bca(replicates, plain.estimate, accelerated)
    yield from _fields("C.clusterboot", limits, bca_low="low", bca_high="high")


def _paired_block(d: Floats) -> Values:
    full = d[:, np.isfinite(d).all(axis=0)]
    result = crossed((_alone(full),), (1.0,))
    yield from {"C.block.n_images": full.shape[1], "C.block.n_seeds": len(full)}.items()
    yield from {"C.block.mean_diff": float(result.estimate), "C.block.or.v_seed": float(result.v_run[0])}.items()
    yield from _difference("C.block.or", result, "v_case", "se", "df_hillis", "df", "p")


# -------------------------------------------------------- D, G: factorial and dose


def two_by_two(folder: Path) -> Values:
    arms = _arms(folder, "D_factorial.csv", ["pretraining", "masking"])
    for arm, values in arms.items():
        yield f"D.cell_mean.{arm}", values.mean()
    by_image = np.stack([values.mean(axis=0) for values in arms.values()])
    names = {"pretraining": "first", "masking": "second", "interaction": "interaction"}
    within = factorial.two_by_two_within(by_image)
    for name, ours in names.items():
        weights = factorial.TWO_BY_TWO[ours]
        test = factorial.image_contrast(by_image, weights)
        yield from _fields(f"D.image.{name}", test, estimate="estimate", t="t", p="p_value")
        yield f"D.image.{name}.dz", effect_sizes.dz(np.asarray(weights) @ by_image).value
        yield from _fields(f"D.rm.{name}", within[ours], F="f", p="p_value")
        yield from _fields(f"D.rm.{name}", within[ours], pes="partial_eta_squared", ges="generalised_eta_squared")
    sides = [_alone(values) for values in arms.values()]
    f, p_value = factorial.run_interaction([side.figures for side in sides])
    yield from {"D.run_anova.interaction.F": f, "D.run_anova.interaction.p": p_value}.items()
    result = crossed(sides, factorial.TWO_BY_TWO["interaction"])
    yield "D.or.interaction.v_run", float(result.v_run.sum())
    yield from _difference("D.or.interaction", result, "v_case", "se", "df", "p")


def dose(folder: Path) -> Values:
    arms = _arms(folder, "G_dose.csv", "mask_ratio")
    doses = [float(arm) for arm in arms]
    line = factorial.dose_line(doses, [values.mean(axis=1) for values in arms.values()])
    yield from _fields("G.run_lm", line, slope="slope", se="se", t="t", df="df", p="p_value")
    yield from _fields("G.run_lm", line, lack_of_fit_F="lack_of_fit_f", lack_of_fit_p="lack_of_fit_p")
    yield from _fields("G.run_lm", line, quadratic="quadratic", quadratic_p="quadratic_p")
    by_image = np.stack([values.mean(axis=0) for values in arms.values()])
    slope = factorial.image_contrast(by_image, factorial.slope_weights(doses))
    yield from _fields("G.image_slope", slope, mean="estimate", t="t", p="p_value")
    trend = omnibus.page(by_image.T)
    yield from _fields("G.page", trend, L="l_statistic", z="z", p_asymptotic="p_value")


# ------------------------------------------------------------ E, P: many arms, many p


def many_arms(folder: Path) -> Values:
    table = pd.read_csv(folder / "E_arms_heavy_tails.csv").set_index("image")
    values, arms = table.to_numpy(), list(table.columns)
    rm = omnibus.repeated_measures(values)
    yield from _fields("E.rm", rm, F="f", df1="df1", df2="df2", p="p_value", pes="partial_eta_squared")
    yield from _fields("E.rm", rm, ges="generalised_eta_squared", mauchly_W="mauchly_w", mauchly_p="mauchly_p")
    yield from _fields("E.rm", rm, gg_eps="gg_epsilon", p_gg="p_gg", hf_eps="hf_epsilon", p_hf="p_hf")
    ranks = omnibus.friedman(values)
    yield from _fields("E.friedman", ranks, chi2="chi2", p="p_value", kendall_W="kendall_w")
    yield from _fields("E.friedman", ranks, iman_davenport_F="iman_davenport_f", iman_davenport_p="iman_davenport_p")
    pairs = omnibus.nemenyi(ranks.average_ranks, len(values))
    yield "E.nemenyi.cd_0.05", omnibus.critical_difference(len(arms), len(values))
    for i, arm in enumerate(arms):
        yield f"E.avg_rank.{arm}", ranks.average_ranks[i]
        yield f"E.nemenyi.p.{arms[0]}_{arm}", pairs[0, i]
    differences = [rounded(values[:, i] - values[:, 0], float(np.abs(values).max())) for i in range(1, len(arms))]
    raw = [companions.signed_rank(d, "drop").p_normal for d in differences]
    for method in METHODS:
        for arm, p, adjusted in zip(arms[1:], raw, adjust(raw, method), strict=True):
            assert adjusted is not None
            yield f"E.wilcoxon.p.{arm}", p
            yield f"E.wilcoxon.{method}.{arm}", adjusted


def adjusted_p(folder: Path) -> Values:
    raw = json.loads((folder / "P_pvalues.json").read_text())
    for method in METHODS:
        for place, value in enumerate(adjust(raw, method), start=1):
            assert value is not None
            yield f"P.{method}.{place:02d}", value


# -------------------------------------------------------------------------- F: AUC


def auc(folder: Path) -> Values:
    table = pd.read_csv(folder / "F_auc.csv")
    control, arm = dict.fromkeys(table["arm"])
    by_class: dict[str, tuple[ArmFigures, ArmFigures]] = {}
    jackknifed: dict[str, tuple[ArmFigures, ArmFigures]] = {}
    seeds = sorted(set(table["seed"]))
    for name, part in table.groupby("class"):
        wide = part.pivot(index=["arm", "seed"], columns="case", values="score")
        positive = part.drop_duplicates("case").set_index("case")["label"].reindex(wide.columns).to_numpy()
        sides = [wide.loc[a].to_numpy() for a in (arm, control)]
        by_class[str(name)] = (roc.auc(sides[0], positive), roc.auc(sides[1], positive))
        jackknifed[str(name)] = (_jackknife(sides[0], positive), _jackknife(sides[1], positive))
    for name, (treated, base) in by_class.items():
        for a, side in ((arm, treated), (control, base)):
            for seed, figure in zip(seeds, side.figures, strict=True):
                yield f"F.auc.{a}.{seed}.{name}", figure
        yield from _two_models(name, seeds, (control, base), (arm, treated))
        yield from _primary_auc(f"F.or.{name}.pair.delong", treated, base)
        for method, arms in (("delong", (treated, base)), ("jackknife", jackknifed[name])):
            yield from _readers(f"F.or.{name}.paired.{method}", arms, paired=True)
            yield from _readers(f"F.or.{name}.nested.{method}", arms, paired=False)
    macro = [_mean_of([sides[i] for sides in by_class.values()]) for i in (0, 1)]
    macro_jackknife = [_mean_of([sides[i] for sides in jackknifed.values()]) for i in (0, 1)]
    yield from _primary_auc("F.or.macro.pair.delong", *macro)
    yield from _primary_auc("F.or.macro.pair.jackknife", *macro_jackknife)
    yield from {f"F.macro.{arm}": macro[0].figures.mean(), f"F.macro.{control}": macro[1].figures.mean()}.items()
    test = roc.delong(ArmFigures(*(_pair(macro, name) for name in ("figures", "influence"))))
    yield from _fields("F.macro", test, diff="difference", se_diff_cases_influence="se", z_cases="z", p_cases="p_value")
    again = roc.delong(ArmFigures(*(_pair(macro_jackknife, name) for name in ("figures", "influence"))))
    yield "F.macro.se_diff_cases_jackknife", again.se


def _pair(sides: list[ArmFigures], name: str) -> Floats:
    """Control and treatment averaged over runs, as two rows."""
    return np.stack([getattr(side, name).mean(axis=0) for side in reversed(sides)])


def _mean_of(classes: list[ArmFigures]) -> ArmFigures:
    figures = np.mean([side.figures for side in classes], axis=0)
    return ArmFigures(figures, np.mean([side.influence for side in classes], axis=0))


def _jackknife(scores: Floats, positive: Integers) -> ArmFigures:
    def without(case: int) -> Floats:
        kept = np.arange(len(positive)) != case
        return roc.auc(scores[:, kept], positive[kept]).figures

    return by_jackknife(without, roc.auc(scores, positive).figures, len(positive))


def _two_models(name: str, seeds: list[int], control: tuple[str, ArmFigures], arm: tuple[str, ArmFigures]) -> Values:
    for place, seed in enumerate(seeds):
        both = ArmFigures(
            np.stack([control[1].figures[place], arm[1].figures[place]]),
            np.stack([control[1].influence[place], arm[1].influence[place]]),
        )
        spread = covariances(both, both)
        prefix = f"F.delong.seed{seed}.{name}"
        yield from _fields(prefix, roc.delong(both), z="z", p="p_value", se_diff="se")
        yield f"{prefix}.cov", spread[0, 1]
        yield f"{prefix}.se_{control[0]}", np.sqrt(spread[0, 0])
        yield f"{prefix}.se_{arm[0]}", np.sqrt(spread[1, 1])


def _primary_auc(prefix: str, treated: ArmFigures, base: ArmFigures) -> Values:
    result = crossed((treated, base), (1.0, -1.0))
    yield from {f"{prefix}.v_run_arm": float(result.v_run[0]), f"{prefix}.v_run_base": float(result.v_run[1])}.items()
    yield from _difference(prefix, result, "estimate", "v_case", "se", "df", "p", "ci_low", "ci_high")


def _readers(prefix: str, arms: tuple[ArmFigures, ArmFigures], *, paired: bool) -> Values:
    parts = omnibus.mean_covariances(arms)
    test = omnibus.paired_f(arms) if paired else omnibus.nested_f(arms)
    cov3 = parts.cov3 if paired else parts.cov3_nested
    yield from {f"{prefix}.error": parts.error, f"{prefix}.cov2": parts.cov2, f"{prefix}.cov3": cov3}.items()
    yield from _fields(prefix, test, F="f", df2="df2", p="p_value")
    estimate = float(arms[0].figures.mean() - arms[1].figures.mean())
    result = companions.t_test(estimate, test.se, test.df2)
    yield from _fields(prefix, result, diff="estimate", se="se", df="df", ci_low="ci_low", ci_high="ci_high")
    if not paired:
        return
    yield f"{prefix}.cov1", parts.cov1
    n_seeds = len(arms[0].figures)
    extra = (n_seeds - 1) * max(parts.cov2 - parts.cov3, 0)
    fixed = companions.t_test(estimate, np.sqrt(2 / n_seeds * (parts.error - parts.cov1 + extra)), np.inf)
    yield from _fields(f"{prefix}.fixed_seeds", fixed, se="se", p="p_value")
    cases = companions.runs_test(arms[0].figures, arms[1].figures, paired=True)
    yield from _fields(f"{prefix}.fixed_cases", cases, se="se", df="df", p="p_value")


SOURCES: dict[str, Callable[[Path], Values]] = {
    "A": paired_images,
    "B": crossed_nested,
    "C": paired_missing,
    "D": two_by_two,
    "E": many_arms,
    "F": auc,
    "G": dose,
    "P": adjusted_p,
    "S": boundary,
}
"""First letter of an id -> what computes it."""
